"""Packed numpy arrays in Beam: the type by which a collection of their bytes is named, and its coder."""

from __future__ import annotations

from apache_beam.coders import Coder
from apache_beam.coders import registry as coder_registry

from babelsift.pipelines.core.parking.disk import parked, unparked


class Packed(bytes):
    """The bytes of an array: as an element's type in `with_output_types`; the elements themselves are plain bytes.

    Where a job runs in this process such bytes wait on disk, see `parking`; those of the type `bytes` stay in memory.
    """


class PackedCoder(Coder):
    """Encodes packed arrays as they are, or where they are parked."""

    def encode(self, value: bytes) -> bytes:
        """Returns the bytes, or a reference to them."""
        return parked(value)

    def decode(self, encoded: bytes) -> bytes:
        """Returns the bytes that `encode` was given."""
        return bytes(unparked(encoded))

    def estimate_size(self, value: bytes) -> int:
        """Returns how many bytes there are: Beam samples sizes, and would park for each sample."""
        return len(value)

    def is_deterministic(self) -> bool:
        """Bytes are what they are; references are not, but no packed array is ever a key."""
        return True

    def to_type_hint(self) -> type:
        """The type this coder is for."""
        return Packed


coder_registry.register_coder(Packed, PackedCoder)
