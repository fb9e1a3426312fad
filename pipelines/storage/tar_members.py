"""Members of tars, as bytes: headers whose owner, time and mode are constants."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from functools import cached_property

_BLOCK = tarfile.BLOCKSIZE
_NAME_BYTES = 100
_SIZE_AT, _SIZE_DIGITS = 124, 11
_CHECK_AT, _CHECK_DIGITS = 148, 6
_CHECK_BYTES = 8


@dataclass(frozen=True)
class TarMembers:
    """Makes a tar's members.

    Attributes:
        mode: of the files.
    """

    mode: int

    def member(self, name: str, content: bytes) -> tuple[bytes, bytes, bytes]:
        """Returns the blocks of one file: its header, its content and what fills its last block."""
        return self.header(name, len(content)), content, bytes(-len(content) % _BLOCK)

    def header(self, name: str, size: int) -> bytes:
        """Returns a file's header block.

        Raises:
            ValueError: the name is too long for a plain header.
        """
        content, digits = name.encode(), b"%011o" % size
        if not name.isascii() or len(content) > _NAME_BYTES or len(digits) > _SIZE_DIGITS:
            return self._header(name, size)
        # `tarfile` takes as long for three headers as decoding a tenth of an image does; they differ in three fields
        blank, blank_sum = self._blank
        check = blank_sum + sum(content) + sum(digits)
        return b"".join(
            (
                content.ljust(_NAME_BYTES, b"\0"),
                blank[_NAME_BYTES:_SIZE_AT],
                digits,
                blank[_SIZE_AT + _SIZE_DIGITS : _CHECK_AT],
                b"%06o\0" % check,
                blank[_CHECK_AT + _CHECK_DIGITS + 1 :],
            )
        )

    def _header(self, name: str, size: int) -> bytes:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, self.mode
        return info.tobuf(format=tarfile.USTAR_FORMAT)

    @cached_property
    def _blank(self) -> tuple[bytes, int]:
        """A header without name and size, and the sum of its bytes but those of name, size and checksum."""
        blank = self._header("", 0)
        fixed = blank[:_SIZE_AT] + blank[_SIZE_AT + _SIZE_DIGITS : _CHECK_AT] + blank[_CHECK_AT + _CHECK_BYTES :]
        return blank, sum(fixed) + _CHECK_BYTES * ord(" ")  # the checksum is taken with spaces in its place


def end_of_tar(size: int) -> bytes:
    """Returns what ends a tar of so many bytes: two empty blocks, and as many as fill the last record."""
    end = 2 * _BLOCK
    return bytes(end + -(size + end) % tarfile.RECORDSIZE)
