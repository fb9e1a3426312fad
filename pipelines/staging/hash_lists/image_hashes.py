"""The hashes of an image that lists are of: as a staging shard's rows have them, and of bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.hash_lists import HashLists, ImageHashColumns
from babelsift.pipelines.staging.layout import FAILED_TO_RESIZE, SUCCESS
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings

# Algorithm -> the column of STAGED_SCHEMA; but for PDQ's they hold hex digits.
HASH_COLUMNS = {"md5": "md5", "sha1": "sha1", "sha256": "sha256", "pdq": "pdq"}
_FOR_LISTS = ("md5", "sha1")
_FURTHER = ("md5", "sha512")  # of `compute_hash`


def hashes_of_body(body: bytes, settings: DownloadSettings) -> dict[str, str]:
    """Returns {column: hex digits} of the digests that a row has beside SHA-256.

    Args:
        body: as served.
        settings: which are asked for: `compute_hash`, and what lists need.
    """
    names: list[str] = [settings.compute_hash] if settings.compute_hash in _FURTHER else []
    names += [name for name in _FOR_LISTS if settings.hash_lists and name not in names]
    return {name: hashlib.new(name, body, usedforsecurity=False).hexdigest() for name in names}


def digests_as_listed(body: bytes, hashes: Mapping[str, str]) -> dict[str, bytes]:
    """Returns the digests of a body as lists are asked for them; nothing where `hashes` shows that there are none.

    Args:
        body: as served.
        hashes: of it, from `hashes_of_body`.
    """
    if not hashes.keys() >= set(_FOR_LISTS):
        return {}
    return {**{name: bytes.fromhex(hashes[name]) for name in _FOR_LISTS}, "sha256": hashlib.sha256(body).digest()}


def stored_hashes(staged: pa.RecordBatch) -> ImageHashColumns:
    """Returns the hashes of staged rows as lists are asked for them."""
    hashes: dict[str, list] = {}
    for name, column in HASH_COLUMNS.items():
        values = staged.column(column).to_pylist()
        hashes[name] = [bytes.fromhex(value) if isinstance(value, str) else value for value in values]
    return {**hashes, "pdq_quality": staged.column("pdq_quality").to_pylist()}


def with_listed(staged: pa.RecordBatch, lists: HashLists) -> pa.RecordBatch:
    """Returns staged rows of which the images on a list are failures, as a run with these lists would leave them.

    Args:
        staged: STAGED_SCHEMA.
        lists: of a recipe.
    """
    names = lists.names(stored_hashes(staged)) if lists and len(staged) else []
    if not any(names):
        return staged
    is_listed = pa.array([name is not None for name in names])
    failure = {"status": FAILED_TO_RESIZE, "reason": RejectReason.ON_HASH_LIST.value, "detail": pa.array(names)}
    for column, value in failure.items():
        values = pc.if_else(is_listed, value, staged.column(column))
        index = staged.schema.get_field_index(column)
        staged = staged.set_column(index, staged.schema.field(index), values)
    return staged


def is_unhashed(staged: pa.RecordBatch, algorithms: frozenset[str]) -> np.ndarray:
    """Returns bool[n], the images that lack a hash by which lists compare.

    Args:
        staged: STAGED_SCHEMA.
        algorithms: of the lists.
    """
    is_image = np.asarray(staged.column("status").to_pylist(), dtype=object) == SUCCESS
    lacking = np.zeros(len(staged), bool)
    for name in algorithms:
        lacking |= staged.column(HASH_COLUMNS[name]).is_null().to_numpy(zero_copy_only=False)
    return is_image & lacking
