"""Caps: at most so many pairs of a caption, of a host, of a language, best first.

1. Captions. Of each caption the cap's number of lowest candidates and one more are merged; a caption that has one more
   than its cap gets a limit, the last candidate that is kept.
2. Hosts. The same, of the candidates within their caption's limit: what that leaves out takes no place in its host's.
3. Languages. A language's cap may be millions: radix select finds the last candidate that is kept, by counts alone.

No worker holds more than one pair beyond the cap of a caption or a host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.bytes16 import halves
from babelsift.filters.counting import MEMBERSHIP, members_at_rank
from babelsift.filters.dedup import DigestIndex
from babelsift.filters.selection import Selector
from babelsift.filters.urls import registered_domains
from babelsift.pipelines.core.groups.bottom_k import LowestMembers
from babelsift.pipelines.core.groups.look_up import BATCHES, Answered, LookUp
from babelsift.pipelines.core.groups.radix_select import RadixSelect, SelectedKeys
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.transform import Transform, empty_collection, single_element
from babelsift.pipelines.stages.select.cap_candidates import (
    candidates_of,
    caption_digests,
    host_digests,
    language_keys,
    order_members,
)
from babelsift.schemas import Decision, RejectReason
from babelsift.schemas.recipe import PairCaps, setting_for

_PARTITIONS = 16  # at least
_LIMITS = "limits"  # a table


@dataclass
class CapLimits(Transform):
    """Finds the last candidate that is kept of each caption, host and language with more candidates than its cap.

    Input: batches of candidates, as `candidates_of` makes them. Output: {"caption", "host": packed MEMBERSHIP arrays,
    "language": one dict of SelectedKeys}, a PCollection each.

    Attributes:
        caps: a cap that is None is off.
        partitions: ranges of captions and of hosts; results do not depend on how many.
    """

    caps: PairCaps
    partitions: int = _PARTITIONS

    def expand(self, candidates: beam.PCollection[pa.RecordBatch]) -> dict[str, beam.PCollection]:
        """Finds captions' limits, then hosts' among what is left, then languages' among what is left then."""
        limits = {}
        for name, column, most in (
            ("caption", caption_digests, self.caps.per_caption),
            ("host", host_digests, self.caps.per_host),
        ):
            if most is None:
                limits[name] = empty_collection(candidates, f"No_{name}", Packed)
                continue
            limits[name] = (
                candidates
                | f"Lowest_{name}" >> LowestMembers(column, order_members, most + 1, max(_PARTITIONS, self.partitions))
                | f"Limit_{name}" >> beam.Map(limits_of, most).with_output_types(Packed)
            )
            look_up = LookUp({_LIMITS: column}, {_LIMITS: MEMBERSHIP}, self.partitions)
            answered = {BATCHES: candidates, _LIMITS: limits[name]} | f"LookUp_{name}" >> look_up
            within = beam.ParDo(_WithinLimits(column)).with_output_types(pa.RecordBatch)
            candidates = answered | f"Within_{name}" >> within
        limits["language"] = self._language_limits(candidates)
        return limits

    def _language_limits(self, candidates: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[SelectedKeys]:
        if self.caps.per_language is None:
            return single_element(candidates, "NoLanguage", {})
        keys = candidates | "LanguageKeys" >> beam.Map(language_keys).with_output_types(dict)
        return keys | "LanguageLimits" >> RadixSelect(LanguageRank(self.caps))


@dataclass(frozen=True)
class LanguageRank:
    """The rank of the last pair that a language's cap keeps."""

    caps: PairCaps

    def __call__(self, language: str, rows: int) -> int | None:
        """Returns the rank, from 0; None where the language has no more pairs than its cap."""
        most = setting_for(self.caps.per_language, language)
        return None if most is None or rows <= most else int(most) - 1


def limits_of(packed: bytes, most: int) -> bytes:
    """Returns the packed last members that a cap keeps, of those keys that have more."""
    return members_at_rank(np.frombuffer(packed, MEMBERSHIP), most - 1, more_than=most).tobytes()


class Limits:
    """The limits of captions or of hosts, looked up batch by batch.

    Args:
        packed: MEMBERSHIP arrays, of each key the last member that is kept.
    """

    def __init__(self, packed: Iterable[bytes]) -> None:
        merged = np.frombuffer(b"".join(packed), MEMBERSHIP)
        self._limits = merged[np.lexsort(halves(merged["key"])[::-1])]
        self._index = DigestIndex(self._limits["key"])

    def are_beyond(self, keys: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Returns bool[n], the rows that come after their key's limit; keys, members: V16[n]."""
        if not len(self._limits):
            return np.zeros(len(keys), bool)
        index = self._index.position_of(keys)
        (high, low), (last_high, last_low) = halves(members), halves(self._limits["member"][index])
        is_after = (high > last_high) | ((high == last_high) & (low > last_low))
        return (index >= 0) & is_after


def are_beyond_languages(candidates: pa.RecordBatch, limits: SelectedKeys) -> np.ndarray:
    """Returns bool[n], the candidates that come after their language's limit."""
    languages = np.array(candidates.column("language").to_pylist(), dtype=object)
    order = candidates.column("order").to_numpy()
    is_beyond = np.zeros(len(candidates), bool)
    for language, (key, rank, equal) in limits.items():
        # Pairs of one order key stay or go together: a cap is never exceeded.
        is_kept = order <= np.uint64(key) if rank == equal - 1 else order < np.uint64(key)
        is_beyond |= (languages == language) & ~is_kept
    return is_beyond


@dataclass(frozen=True)
class AllLimits:
    """The limits of every cap; a cap that is off has none."""

    captions: Limits
    hosts: Limits
    languages: SelectedKeys

    @classmethod
    def of(cls, captions: Iterable[bytes], hosts: Iterable[bytes], languages: SelectedKeys) -> AllLimits:
        """Returns the limits that `CapLimits` found."""
        return cls(Limits(captions), Limits(hosts), languages)


def reject_beyond_caps(
    decision: Decision, batch: pa.RecordBatch, selector: Selector, seed: int, limits: AllLimits
) -> None:
    """Rejects the rows that a decision keeps and that are beyond a cap; values are the caption, host or language."""
    caps, kept = selector.settings.caps, decision.kept
    if not caps or not kept.any():
        return
    candidates = candidates_of(batch, kept, selector, seed)
    rows, members = np.flatnonzero(kept), order_members(candidates)

    def of_batch(is_beyond: np.ndarray) -> np.ndarray:
        rejected = np.zeros(len(batch), bool)
        rejected[rows[is_beyond]] = True
        return rejected

    if caps.per_caption is not None:
        rejected = of_batch(limits.captions.are_beyond(caption_digests(candidates), members))
        captions, reason = batch.column("caption"), RejectReason.BEYOND_CAPTION_CAP
        decision.reject(rejected, reason, values=captions, threshold=caps.per_caption)
    if caps.per_host is not None:
        rejected = of_batch(limits.hosts.are_beyond(host_digests(candidates), members))
        if rejected.any():
            hosts = registered_domains(batch.column("url"))
            decision.reject(rejected, RejectReason.BEYOND_HOST_CAP, values=hosts, threshold=caps.per_host)
    if caps.per_language is not None:
        rejected = of_batch(are_beyond_languages(candidates, limits.languages))
        names = batch.column("language")
        most = [setting_for(caps.per_language, language) for language in names.to_pylist()]
        decision.reject(rejected, RejectReason.BEYOND_LANGUAGE_CAP, values=names, threshold=most)


class _WithinLimits(beam.DoFn):
    def __init__(self, column: Callable[[pa.RecordBatch], np.ndarray]) -> None:
        self._column = column
        self._limits = OncePerBundle(Limits)

    def process(self, element: Answered) -> Iterable[pa.RecordBatch]:
        limits = self._limits.of(element.answers[_LIMITS])
        for batch in element.batches:
            is_beyond = limits.are_beyond(self._column(batch), order_members(batch))
            yield batch.take(pa.array(np.flatnonzero(~is_beyond)))
