"""Candidates for the caps: the pairs that the rules keep, in 80 bytes a row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from babelsift.filters.bytes16 import from_halves, halves
from babelsift.filters.selection import Selector, order_by
from babelsift.filters.uids import digests, draws_for, uid_bytes
from babelsift.filters.urls import registered_domains
from babelsift.pipelines.core.groups.radix_select import GroupKeys

_DIGEST = pa.binary(16)


def candidates_of(batch: pa.RecordBatch, kept: np.ndarray, selector: Selector, seed: int) -> pa.RecordBatch:
    """Returns the kept rows as candidates: uid, language, order key, digests of caption and host.

    Args:
        batch: with uid, language, caption, url and the similarity columns, n rows.
        kept: bool[n].
        selector: whose caps say which pairs come first.
        seed: of draws among pairs that come equal.
    """
    batch = batch.take(pa.array(np.flatnonzero(kept)))
    caps, choice = selector.settings.caps, selector.choice
    by_similarity = choice is not None and caps.prefer != "seed"
    scores = choice.scores(batch) if choice is not None and by_similarity else None
    order = order_by(scores, draws_for(batch.column("uid"), seed, "caps"))
    unused = pa.nulls(len(batch), _DIGEST)
    columns = {
        "uid": batch.column("uid"),
        "language": batch.column("language"),
        "order": pa.array(order),
        "caption": _as_binary(digests(batch.column("caption"))) if caps.per_caption else unused,
        "host": _as_binary(digests(registered_domains(batch.column("url")))) if caps.per_host else unused,
    }
    return pa.RecordBatch.from_pydict(columns)


def caption_digests(candidates: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n], the captions' digests."""
    return _from_binary(candidates.column("caption"))


def host_digests(candidates: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n], the registered domains' digests."""
    return _from_binary(candidates.column("host"))


def order_members(candidates: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n] that sort as the candidates come: by order, then by the uid's first half; no two are the same."""
    first_half, _ = halves(uid_bytes(candidates.column("uid")))
    return from_halves(candidates.column("order").to_numpy(), first_half)


def language_keys(candidates: pa.RecordBatch) -> GroupKeys:
    """Returns the packed order keys of each language."""
    languages = np.array(candidates.column("language").to_pylist(), dtype=object)
    order = candidates.column("order").to_numpy()
    return {language: order[languages == language].tobytes() for language in set(languages)}


def _as_binary(values: np.ndarray) -> pa.Array:
    return pa.FixedSizeBinaryArray.from_buffers(_DIGEST, len(values), [None, pa.py_buffer(values.tobytes())])


def _from_binary(column: pa.Array) -> np.ndarray:
    start = column.offset * 16
    return np.frombuffer(column.buffers()[1], "V16", len(column), start) if len(column) else np.empty(0, "V16")
