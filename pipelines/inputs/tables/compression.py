"""Files that are compressed as a whole, read in bounded memory; one that is cut, or is something else, is an error."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import zstandard

# What is raised where a content is not what its name says, or breaks off.
BROKEN_CONTENT = (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, zstandard.ZstdError)

_BUFFER_BYTES = 1 << 20
# A block of 4 bytes can stand for 128 KB: this many compressed bytes hold no more than memory does.
_COMPRESSED_BYTES = 1 << 13


@contextmanager
def decompressed(source: io.RawIOBase, compression: str | None) -> Iterator[io.BufferedReader]:
    """Returns a stream of a file's content.

    Args:
        source: the file as it is stored.
        compression: gzip, zstd, zip (of one file) or None.

    Raises:
        BROKEN_CONTENT: here or in a read.
    """
    if compression == "gzip":
        with gzip.GzipFile(fileobj=source, mode="rb") as unzipped:
            yield io.BufferedReader(unzipped, _BUFFER_BYTES)
    elif compression == "zstd":
        yield io.BufferedReader(_ZstdFile(source), _BUFFER_BYTES)
    elif compression == "zip":
        with zipfile.ZipFile(io.BufferedReader(source)) as archive, _only_member(archive) as member:
            yield io.BufferedReader(member, _BUFFER_BYTES)
    else:
        yield io.BufferedReader(source, _BUFFER_BYTES)


def _only_member(archive: zipfile.ZipFile) -> Any:
    """Opens the file that an archive holds, besides what macOS leaves in it."""
    members = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(members) != 1:
        raise zipfile.BadZipFile(f"a .zip of {len(members)} files; unpack it, and name these")
    try:
        return archive.open(members[0])
    except (RuntimeError, NotImplementedError) as error:  # a password is needed, or another compression
        raise zipfile.BadZipFile(str(error)) from error


class _ZstdFile(io.RawIOBase):
    """Reads zstd frames, as many as follow each other, and says where the last one is unfinished."""

    def __init__(self, source: io.RawIOBase) -> None:
        super().__init__()
        self._source = source
        self._frame: Any = None
        self._rest = b""  # compressed bytes after the end of a frame
        self._content = memoryview(b"")

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads at most as many bytes as the buffer takes; 0 after the last frame."""
        while not self._content:
            compressed = self._rest or self._source.read(_COMPRESSED_BYTES)
            self._rest = b""
            if not compressed:
                if self._frame is None or not self._frame.eof:
                    raise EOFError("the last zstd frame is cut" if self._frame else "there is no zstd frame in it")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._content = memoryview(self._frame.decompress(compressed))
            if self._frame.eof:
                self._rest = self._frame.unused_data
        size = min(len(buffer), len(self._content))
        buffer[:size] = self._content[:size]
        self._content = self._content[size:]
        return size
