"""Walking a staging tar of another program's making: its samples, where their images lie, and where it breaks off."""

from __future__ import annotations

import errno
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

_IMAGE_EXTENSIONS = ("jpg", "jpeg", "png", "webp")
_MAX_TEXT_BYTES = 4 * 2**20


@dataclass
class TarSample:
    """The members of one key.

    Attributes:
        stem: the members' name without extension; `key` is what is left of it without folders. image: None where there
            is no member that holds one. extension, offset: of the image. text: the .txt. document: the .json's object.
    """

    stem: str
    image: bytes | None = None
    extension: str = ""
    offset: int = 0
    text: str | None = None
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The key as tables have it."""
        return self.stem.rsplit("/", 1)[-1]


class TarWalk:
    """Walks a tar once; `torn` afterwards says what is wrong with its end, None where it is whole.

    Args:
        file: seekable.
        max_image_bytes: larger images count as lost.
    """

    def __init__(self, file: BinaryIO, *, max_image_bytes: int) -> None:
        self._file = file
        self._max_image_bytes = max_image_bytes
        self.torn: str | None = None

    def samples(self) -> Iterator[TarSample]:
        """Yields one sample after another; members of one key stand together, as webdataset wants them."""
        sample: TarSample | None = None
        for stem, extension, member, content in self._members():
            if sample is None or sample.stem != stem:
                if sample is not None:
                    yield sample
                sample = TarSample(stem)
            _add(sample, extension, member.offset_data, content)
        # The key within which a tar breaks off may lack its text: what came whole of it is taken all the same.
        if sample is not None:
            yield sample

    def _members(self) -> Iterator[tuple[str, str, tarfile.TarInfo, bytes]]:
        last, before = "its start", -1
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                while (member := tar.next()) is not None:
                    tar.members = []  # type: ignore[attr-defined]  # tarfile would keep them all
                    if member.size < 0 or member.offset <= before:
                        raise tarfile.ReadError("a size that leads backwards")
                    before = member.offset
                    stem, extension = _split(member.name)
                    is_image = extension in _IMAGE_EXTENSIONS
                    limit = self._max_image_bytes if is_image else _MAX_TEXT_BYTES
                    is_plain = member.isreg() and not member.issparse() and self._is_headed_by(member)
                    if is_plain and member.size <= limit and (is_image or extension in ("txt", "json")):
                        self._file.seek(member.offset_data)
                        content = self._file.read(member.size)
                        if len(content) < member.size:
                            raise tarfile.ReadError(f"within {member.name}")
                        yield stem, extension, member, content
                    last = member.name
                self._file.seek(tar.offset)
                end = self._file.read(tarfile.BLOCKSIZE)
            if len(end) < tarfile.BLOCKSIZE or end.strip(b"\0"):
                self.torn = f"breaks off after {last}"
        except (tarfile.TarError, EOFError, OverflowError, UnicodeError, ValueError):
            self.torn = f"breaks off after {last}"
        except OSError as error:
            if error.errno != errno.EINVAL:  # a place where nothing can be is the tar's fault, all else is not
                raise
            self.torn = f"breaks off after {last}"

    def _is_headed_by(self, member: tarfile.TarInfo) -> bool:
        """Whether the block before the content is a header with the member's whole name, by which it is found again."""
        self._file.seek(member.offset_data - tarfile.BLOCKSIZE)
        header = self._file.read(tarfile.BLOCKSIZE)
        return tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape").name == member.name


def _split(name: str) -> tuple[str, str]:
    folder, slash, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    return folder + slash + stem, extension.lower()


def _add(sample: TarSample, extension: str, offset: int, content: bytes) -> None:
    if extension in _IMAGE_EXTENSIONS:
        sample.image, sample.extension, sample.offset = content, extension, offset
    elif extension == "txt":
        sample.text = content.decode("utf-8", errors="replace")
    else:
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            return
        sample.document = document if isinstance(document, dict) else {}
