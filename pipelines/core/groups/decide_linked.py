"""Decides rows that are linked in pairs: what hangs together in one partition, so that many workers decide.

1. Members. The links' components are found, merged in the bundle, then in one place: 16 bytes a linked row, whatever
   the number of its links. This is all that any one place sees of them.
2. Meet. By the uid of their later row, links meet the component that they belong to.
3. Decide. A partition has all links of some components.

        a-b b-c | d-e  -->  b:a c:a e:d  -->  a-b b-c  in the partition of a
                                              d-e      in the partition of d
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import apache_beam as beam
import numpy as np

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup import MEMBER, lowest_of, members_of_links, merge_members
from babelsift.filters.mix64 import mix64
from babelsift.pipelines.core.groups.co_group import CoGroup
from babelsift.pipelines.core.groups.look_up import split_by_key
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.shuffled_pieces import array_pieces
from babelsift.pipelines.core.transform import Transform

OfLinks = Callable[[np.ndarray], np.ndarray]
_ROW_BITS = 64
_WAITING_LINKS = 1 << 17


@dataclass
class DecideLinked(Transform):
    """Decides by a function of all links that hang together.

    Input: packed arrays of links, records that begin with `uid` and `survivor`, V16 each. Output: packed arrays of what
    `decide` returns.

    Attributes:
        decide: links -> what is decided; of several components together the same as of each alone.
        link: the type of a link.
        partitions: results do not depend on how many.
        merge: links -> links, each pair once, where several elements may have it.
    """

    decide: OfLinks
    link: np.dtype
    partitions: int
    merge: OfLinks | None = None

    def expand(self, links: beam.PCollection[bytes]) -> beam.PCollection[bytes]:
        """Finds the components, brings their links together, decides; few links are decided at once."""
        if self.partitions == 1:
            decide = beam.Map(decided, self.decide, self.link, self.merge).with_output_types(Packed)
            return links | "Gather" >> _InOnePlace(self.link) | "DecideAll" >> decide
        members = (
            links
            | "Members" >> beam.Map(packed_members, self.link).with_output_types(Packed)
            | "GatherMembers" >> _InOnePlace(MEMBER)
            | "Components" >> beam.Map(merged_members).with_output_types(Packed)
            | "SplitMembers" >> beam.FlatMap(split_members, self.partitions).with_output_types(tuple[int, Packed])
        )
        split = beam.FlatMap(split_links, self.link, self.partitions).with_output_types(tuple[int, Packed])
        bring = beam.FlatMap(to_components, self.link, self.partitions, self.merge)
        return (
            {"links": links | "SplitLinks" >> split, "members": members}
            | "Meet" >> CoGroup()
            | "ToComponents" >> bring.with_output_types(tuple[int, Packed])
            | "GroupComponents" >> beam.GroupByKey()
            | "Decide" >> beam.Map(decided, self.decide, self.link).with_output_types(Packed)
        )


def packed_members(links: bytes, link: np.dtype) -> bytes:
    """Returns the packed members of packed links."""
    return members_of_links(np.frombuffer(links, link)).tobytes()


def split_members(packed: bytes, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition, its members) of all members, packed and sorted by row."""
    members = np.frombuffer(packed, MEMBER)
    partition_of = _partition_of_rows(members["row"], partitions)
    bounds = np.searchsorted(partition_of, np.arange(partitions + 1))
    for partition in np.flatnonzero(np.diff(bounds)):
        for piece in array_pieces(members[bounds[partition] : bounds[partition + 1]]):
            yield int(partition), piece.tobytes()


def split_links(packed: bytes, link: np.dtype, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition of their uids, its links) of packed links."""
    for partition, links in split_by_key(np.frombuffer(packed, link), partitions):
        yield partition, links.tobytes()


def to_components(
    group: tuple[int, Mapping[str, list[bytes]]], link: np.dtype, partitions: int, merge: OfLinks | None
) -> Iterator[tuple[int, bytes]]:
    """Yields (partition of their component, packed links) of the links of one partition of uids."""
    links = _merged(group[1]["links"], link, merge)
    members = np.frombuffer(b"".join(group[1]["members"]), MEMBER)
    # The lowest row of a component is low: only mixed are all partitions as likely.
    lowest = mix64(lowest_of(members, halves(links["uid"])[0]))
    partition_of = _partition_of_rows(lowest, partitions)
    for partition in np.unique(partition_of):
        for piece in array_pieces(links[partition_of == partition]):
            yield int(partition), piece.tobytes()


def decided(group: tuple[int, Iterable[bytes]], decide: OfLinks, link: np.dtype, merge: OfLinks | None = None) -> bytes:
    """Returns what is decided of all links of some components, packed."""
    return decide(_merged(group[1], link, merge)).tobytes()


def merged_members(group: tuple[int, Iterable[bytes]], merge_at_bytes: int = 4 << 20) -> bytes:
    """Returns packed members merged, which happens whenever those that wait outweigh the merged ones.

    Args:
        group: (0, packed members).
        merge_at_bytes: members that weigh less than this wait in any case.
    """
    merged, waiting, size = b"", [], 0
    for packed in group[1]:
        waiting.append(packed)
        size += len(packed)
        if size > max(len(merged), merge_at_bytes):
            merged, waiting, size = _merge_members([merged, *waiting]), [], 0
    return _merge_members([merged, *waiting])


def _merged(packed: Iterable[bytes], link: np.dtype, merge: OfLinks | None) -> np.ndarray:
    """Returns packed links as one array, merged before what waits outgrows it: near rows are linked in many bands."""
    if merge is None:
        return np.frombuffer(b"".join(packed), link)
    links, waiting, count = np.empty(0, link), [], 0
    for chunk in packed:
        waiting.append(np.frombuffer(chunk, link))
        count += len(waiting[-1])
        if count > max(len(links), _WAITING_LINKS):
            links, waiting, count = merge(np.concatenate([links, *waiting])), [], 0
    return merge(np.concatenate([links, *waiting]))


def _partition_of_rows(rows: np.ndarray, partitions: int) -> np.ndarray:
    """Returns int64[n], ranges of rows as `split_sorted` makes them of uids."""
    return (rows >> np.uint64(_ROW_BITS // 2)) * np.uint64(partitions) >> np.uint64(_ROW_BITS // 2)


def _merge_members(packed: Iterable[bytes]) -> bytes:
    return merge_members([np.frombuffer(members, MEMBER) for members in packed]).tobytes()


@dataclass
class _InOnePlace(Transform):
    """Brings packed arrays together: (0, all of them), nothing of none.

    Grouped, not combined: an accumulator would cross the shuffle as one element, however large.
    """

    record: np.dtype

    def expand(self, packed: beam.PCollection[bytes]) -> beam.PCollection[tuple[int, Iterable[bytes]]]:
        pieces = beam.FlatMap(_pieces_in_one_place, self.record).with_output_types(tuple[int, Packed])
        return packed | "Pieces" >> pieces | "Group" >> beam.GroupByKey()


def _pieces_in_one_place(packed: bytes, record: np.dtype) -> Iterator[tuple[int, bytes]]:
    for piece in array_pieces(np.frombuffer(packed, record)):
        yield 0, piece.tobytes()
