"""Brings the elements of several collections together by partition, as Beam's CoGroupByKey does, by a coder of ours.

Beam pickles what CoGroupByKey tags, for want of a type: a batch's slice with all that it was cut from, and in memory.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders import Coder
from apache_beam.coders import registry as coder_registry

from babelsift.pipelines.core.batches import decode_batch, encode_batch
from babelsift.pipelines.core.parking.disk import parked, unparked


class Tagged(tuple):
    """A pair of a collection's tag and an element: as a type in `with_output_types`; elements are plain tuples."""


class TaggedCoder(Coder):
    """Encodes a tag with a batch, a packed array or a tuple of packed arrays; parked where a job parks."""

    def encode(self, value: tuple[str, Any]) -> bytes:
        """Returns the pair, or a reference to it."""
        tag, element = value
        is_batch = isinstance(element, pa.RecordBatch)
        return parked(pickle.dumps((tag, is_batch, encode_batch(element) if is_batch else element), protocol=5))

    def decode(self, encoded: bytes) -> tuple[str, Any]:
        """Returns the pair that `encode` was given."""
        tag, is_batch, element = pickle.loads(unparked(encoded))
        return tag, decode_batch(element) if is_batch else element

    def estimate_size(self, value: tuple[str, Any]) -> int:
        """Returns about how many bytes there are, without encoding them."""
        element = value[1]
        if isinstance(element, tuple):
            return sum(map(len, element))
        return element.nbytes if isinstance(element, pa.RecordBatch) else len(element)

    def is_deterministic(self) -> bool:
        """Never asked of keys, which are the partitions' numbers."""
        return True

    def to_type_hint(self) -> type:
        """The type this coder is for."""
        return Tagged


coder_registry.register_coder(Tagged, TaggedCoder)


class CoGroup(beam.PTransform):
    """Groups by partition: {tag: collection of (partition, element)} to (partition, {tag: list of its elements}).

    Elements are batches, packed arrays, or tuples of packed arrays.
    """

    def expand(self, collections: Mapping[str, beam.PCollection]) -> beam.PCollection[tuple[int, dict[str, list]]]:
        """Tags, flattens, groups."""
        tagged = [
            collection | f"Tag_{tag}" >> beam.MapTuple(_tagged, tag=tag).with_output_types(tuple[int, Tagged])
            for tag, collection in collections.items()
        ]
        grouped = tagged | "Together" >> beam.Flatten() | "Group" >> beam.GroupByKey()
        return grouped | "ByTag" >> beam.MapTuple(_by_tag, tags=tuple(collections))


def _tagged(partition: int, element: Any, tag: str = "") -> tuple[int, tuple[str, Any]]:
    return partition, (tag, element)


def _by_tag(
    partition: int, tagged: Iterable[tuple[str, Any]], tags: tuple[str, ...] = ()
) -> tuple[int, dict[str, list]]:
    elements: dict[str, list] = {tag: [] for tag in tags}
    for tag, element in tagged:
        elements[tag].append(element)
    return partition, elements
