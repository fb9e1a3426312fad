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
from babelsift.pipelines.core.groups.combine_packed import MergePacked
from babelsift.pipelines.core.groups.look_up import split_by_key
from babelsift.pipelines.core.packed import Packed
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
            gather = _DecideAll(self.decide, self.link, self.merge)
            return links | "DecideAll" >> beam.CombineGlobally(gather).without_defaults().with_output_types(Packed)
        members = (
            links
            | "Members" >> beam.Map(packed_members, self.link).with_output_types(Packed)
            | "Components" >> beam.CombineGlobally(_MergeMembers()).without_defaults().with_output_types(Packed)
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
        yield int(partition), members[bounds[partition] : bounds[partition + 1]].tobytes()


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
        yield int(partition), links[partition_of == partition].tobytes()


def decided(group: tuple[int, Iterable[bytes]], decide: OfLinks, link: np.dtype) -> bytes:
    """Returns what is decided of all links of some components, packed."""
    return decide(np.frombuffer(b"".join(group[1]), link)).tobytes()


def _merged(packed: list[bytes], link: np.dtype, merge: OfLinks | None) -> np.ndarray:
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


class _MergeMembers(MergePacked):
    def merge(self, packed: list[bytes]) -> bytes:
        return merge_members([np.frombuffer(members, MEMBER) for members in packed]).tobytes()


class _DecideAll(MergePacked):
    """Gathers all links, and decides at the end."""

    def __init__(self, decide: OfLinks, link: np.dtype, merge: OfLinks | None) -> None:
        super().__init__()
        self._decide, self._link, self._merge = decide, link, merge

    def merge(self, packed: list[bytes]) -> bytes:
        joined = b"".join(packed)
        return joined if self._merge is None else self._merge(np.frombuffer(joined, self._link)).tobytes()

    def extract_output(self, accumulator: list[bytes]) -> bytes:
        return self._decide(np.frombuffer(b"".join(accumulator), self._link)).tobytes()
