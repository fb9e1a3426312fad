"""At most so many pairs of a caption, of a host, of a language: where the pairs of each are cut, best first.

Candidates are 80 bytes a row. Of a caption or a host, no worker holds more than one pair beyond the cap; of a language,
whose cap may be millions, only counts of digits are held. Caps apply one after the other, so that what a caption's cap
leaves out takes no place in its host's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.bytes16 import from_halves, halves
from babelsift.filters.counting import MEMBERSHIP, members_at_rank
from babelsift.filters.dedup import DigestIndex
from babelsift.filters.selection import Selector, order_by, setting_for
from babelsift.filters.uids import digests, draws_for, uid_bytes
from babelsift.filters.urls import registered_domains
from babelsift.pipelines.core.bottom_k import LowestMembers
from babelsift.pipelines.core.radix_select import GroupKeys, RadixSelect, SelectedKeys
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import Decision, RejectReason
from babelsift.schemas.recipe import PairCaps

_PARTITIONS = 16


@dataclass
class CapLimits(Transform):
    """Finds where each caption, host and language that has more candidates than its cap is cut.

    Input: batches of candidates, as `candidates_of` makes them. Output: {"caption", "host": packed MEMBERSHIP arrays,
    "language": one dict of RadixSelect}, a PCollection each.
    """

    caps: PairCaps

    def expand(self, candidates: beam.PCollection[pa.RecordBatch]) -> dict[str, beam.PCollection]:
        """Cuts captions, then hosts of what is left, then languages of what is left then."""
        limits = {}
        for name, column, most in (
            ("caption", caption_digests, self.caps.per_caption),
            ("host", host_digests, self.caps.per_host),
        ):
            if most is None:
                limits[name] = candidates.pipeline | f"No_{name}" >> beam.Create([b""], reshuffle=False)
                continue
            lowest = LowestMembers(column, order_members, most + 1, _PARTITIONS)
            limits[name] = (
                candidates
                | f"Lowest_{name}" >> lowest
                | f"Limit_{name}" >> beam.Map(limits_of, most).with_output_types(bytes)
            )
            within = beam.ParDo(_Within(column), beam.pvalue.AsList(limits[name]))
            candidates = candidates | f"Within_{name}" >> within.with_output_types(pa.RecordBatch)
        limits["language"] = self._language_limits(candidates)
        return limits

    def _language_limits(self, candidates: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[SelectedKeys]:
        if self.caps.per_language is None:
            return candidates.pipeline | "NoLanguage" >> beam.Create([{}], reshuffle=False)
        keys = candidates | "LanguageKeys" >> beam.Map(language_keys).with_output_types(dict)
        return keys | "LanguageLimits" >> RadixSelect(LanguageRank(self.caps))


@dataclass(frozen=True)
class LanguageRank:
    """The rank of the last pair that a language's cap keeps."""

    caps: PairCaps

    def __call__(self, language: str, rows: int) -> int | None:
        """Returns the rank, or None where the language has no more than its cap."""
        most = setting_for(self.caps.per_language, language)
        return None if most is None or rows <= most else int(most) - 1


def candidates_of(batch: pa.RecordBatch, kept: np.ndarray, selector: Selector, seed: int) -> pa.RecordBatch:
    """Returns the kept rows as candidates: uid, language, digests of caption and host, place in the order.

    Args: kept: bool[n].
    """
    batch = batch.take(pa.array(np.flatnonzero(kept)))
    caps = selector.settings.caps
    prefer = caps.prefer or ("similarity" if selector.choice else "seed")
    scores = selector.choice.scores(batch) if prefer == "similarity" else None
    order = order_by(scores, draws_for(batch.column("uid"), seed, "caps"))
    columns = {
        "uid": batch.column("uid"),
        "language": batch.column("language"),
        "order": pa.array(order),
        "caption": _binary(digests(batch.column("caption"))) if caps.per_caption else pa.nulls(len(batch), _DIGEST),
        "host": _binary(digests(registered_domains(batch.column("url"))))
        if caps.per_host
        else pa.nulls(len(batch), _DIGEST),
    }
    return pa.RecordBatch.from_pydict(columns)


def caption_digests(candidates: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n], the captions' digests."""
    return _raw(candidates.column("caption"))


def host_digests(candidates: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n], the registered domains' digests."""
    return _raw(candidates.column("host"))


def order_members(candidates: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n] that sort as the candidates come: by order, then by the uid's first half; no two are the same."""
    first_half, _ = halves(uid_bytes(candidates.column("uid")))
    return from_halves(candidates.column("order").to_numpy(), first_half)


def limits_of(packed: bytes, most: int) -> bytes:
    """Returns the packed last members that a cap keeps, of those keys that have more."""
    return members_at_rank(np.frombuffer(packed, MEMBERSHIP), most - 1, more_than=most).tobytes()


def language_keys(candidates: pa.RecordBatch) -> GroupKeys:
    """Returns the packed orders of each language."""
    languages = np.array(candidates.column("language").to_pylist(), dtype=object)
    order = candidates.column("order").to_numpy()
    return {language: order[languages == language].tobytes() for language in set(languages)}


class Limits:
    """Packed limits of captions or hosts, made ready once for many batches."""

    def __init__(self, packed: Iterable[bytes]) -> None:
        merged = np.frombuffer(b"".join(packed), MEMBERSHIP)
        self._limits = merged[np.lexsort(halves(merged["key"])[::-1])]
        self._index = DigestIndex(self._limits["key"])

    def beyond(self, keys: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Returns bool[n], the rows that come after their key's limit. Args: keys, members: V16[n]."""
        places = self._index.position_of(keys)
        if not len(self._limits):
            return np.zeros(len(keys), bool)
        last = self._limits["member"][places]
        (high, low), (last_high, last_low) = halves(members), halves(last)
        after = (high > last_high) | ((high == last_high) & (low > last_low))
        return (places >= 0) & after


def beyond_languages(candidates: pa.RecordBatch, found: Mapping[str, tuple[int, int, int]]) -> np.ndarray:
    """Returns bool[n], the rows that come after their language's limit."""
    languages = np.array(candidates.column("language").to_pylist(), dtype=object)
    order = candidates.column("order").to_numpy()
    beyond = np.zeros(len(candidates), bool)
    for language, (key, rank, equal) in found.items():
        # Pairs of one place in the order stay or go together: a cap is never exceeded.
        kept = order <= np.uint64(key) if rank == equal - 1 else order < np.uint64(key)
        beyond |= (languages == language) & ~kept
    return beyond


def reject_beyond_caps(
    decision: Decision,
    batch: pa.RecordBatch,
    selector: Selector,
    seed: int,
    *,
    captions: Limits,
    hosts: Limits,
    languages: Mapping[str, tuple[int, int, int]],
) -> None:
    """Rejects the rows that a decision keeps and that are beyond a cap; values are the caption, host or language."""
    caps = selector.settings.caps
    kept = decision.kept
    if not caps or not kept.any():
        return
    candidates = candidates_of(batch, kept, selector, seed)
    rows, members = np.flatnonzero(kept), order_members(candidates)
    names = batch.column("language")
    spelled = {
        RejectReason.BEYOND_CAPTION_CAP: (captions, caption_digests, lambda: batch.column("caption"), caps.per_caption),
        RejectReason.BEYOND_HOST_CAP: (
            hosts,
            host_digests,
            lambda: registered_domains(batch.column("url")),
            caps.per_host,
        ),
    }
    for reason, (limits, column, values, most) in spelled.items():
        if most is not None:
            beyond = np.zeros(len(batch), bool)
            beyond[rows[limits.beyond(column(candidates), members)]] = True
            if beyond.any():
                decision.reject(beyond, reason, values=values(), threshold=most)
    if caps.per_language is not None:
        beyond = np.zeros(len(batch), bool)
        beyond[rows[beyond_languages(candidates, languages)]] = True
        most = [setting_for(caps.per_language, language) for language in names.to_pylist()]
        decision.reject(beyond, RejectReason.BEYOND_LANGUAGE_CAP, values=names, threshold=most)


class _Within(beam.DoFn):
    def __init__(self, column: Callable[[pa.RecordBatch], np.ndarray]) -> None:
        self._column = column
        self._side: object = None

    def process(self, element: pa.RecordBatch, packed: list[bytes]) -> Iterable[pa.RecordBatch]:
        if self._side is not packed:
            self._side, self._limits = packed, Limits(packed)
        beyond = self._limits.beyond(self._column(element), order_members(element))
        yield element.take(pa.array(np.flatnonzero(~beyond)))


_DIGEST = pa.binary(16)


def _binary(values: np.ndarray) -> pa.Array:
    return pa.FixedSizeBinaryArray.from_buffers(_DIGEST, len(values), [None, pa.py_buffer(values.tobytes())])


def _raw(column: pa.Array) -> np.ndarray:
    start = column.offset * 16
    return np.frombuffer(column.buffers()[1], "V16", len(column), start) if len(column) else np.empty(0, "V16")
