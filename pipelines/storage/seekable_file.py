"""Reading from any offset: what all files that are read by range have in common."""

from __future__ import annotations

import io


class SeekableFile(io.RawIOBase):
    """A file that can be read at any offset: a subclass gives `size`, and `readinto`, which moves `position` on.

    Attributes:
        position: offset of the next read.
    """

    position = 0

    @property
    def size(self) -> int:
        """Bytes."""
        raise NotImplementedError

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def seekable(self) -> bool:
        """It can be read at any offset."""
        return True

    def tell(self) -> int:
        """Returns the offset of the next read."""
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Sets the offset of the next read and returns it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.position}[whence] if whence != io.SEEK_END else self.size
        self.position = max(0, start + offset)
        return self.position
