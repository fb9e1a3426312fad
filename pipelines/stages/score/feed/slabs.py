"""Memory that processes share, without a name: it is gone when the last of them is, however they end."""

from __future__ import annotations

import mmap
import os
import tempfile
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Slab:
    """A piece of shared memory.

    Attributes:
        number: by which processes call it.
        file: its file descriptor, which another process may be sent.
        memory: uint8[bytes].
    """

    number: int
    file: int
    memory: np.ndarray

    @classmethod
    def make(cls, number: int, size: int) -> Slab:
        """Returns new memory.

        Args:
            number: by which processes call it.
            size: bytes, taken as they are written to.
        """
        if hasattr(os, "memfd_create"):
            file = os.memfd_create("babelsift-slab")
        else:
            with tempfile.TemporaryFile() as unnamed:
                file = os.dup(unnamed.fileno())
        os.ftruncate(file, size)
        return cls(number, file, map_memory(file, size))

    def close(self) -> None:
        """Gives the memory back, once nobody looks at it any more."""
        os.close(self.file)


def map_memory(file: int, size: int) -> np.ndarray:
    """Returns shared memory as uint8[size].

    Args:
        file: its descriptor.
        size: bytes.
    """
    return np.frombuffer(mmap.mmap(file, size), np.uint8)
