"""Embeddings of evaluation images by name: what `babelsift hash --model` wrote, other tables, or .npy files."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.inputs.list_files import files_in
from babelsift.pipelines.inputs.named_file import open_named_file
from babelsift.schemas import InputError, public_url

EMBEDDING = "embedding"
_SETTING = "decontaminate.embeddings"
_REMEDY = "write it with `babelsift hash --model`"
MODEL_KEY = b"babelsift_model"  # in a table's metadata: the fingerprint of the model that its embeddings are of


@dataclass(frozen=True)
class EvaluationEmbeddings:
    """Embeddings of evaluation images.

    Attributes:
        names: of the images.
        vectors: float16[n, dimension], one a name.
    """

    names: list[str]
    vectors: np.ndarray


def plan_embeddings(sources: Sequence[str], fingerprint: str | None = None) -> tuple[str, ...]:
    """Returns the files that folders, globs and paths name, by full URLs.

    Args:
        sources: folders, globs or paths, any fsspec URLs.
        fingerprint: of the model whose embeddings are compared; files that do not say whose they are pass.

    Raises:
        InputError: a source has no table of embeddings, or one is of another model.
    """
    paths: set[str] = set()
    for source in sources:
        shown = public_url(source)
        tables = files_in(source, sought=f"embeddings in {shown!r}")
        tables = [path for path in tables if path.lower().endswith((".parquet", ".npy"))]
        if not tables:
            raise InputError(
                f"{shown!r} has no .parquet or .npy of embeddings; write one with `babelsift hash --model`"
            )
        paths.update(tables)
    for path in sorted(paths):
        if path.lower().endswith(".parquet"):
            _check_table(path, fingerprint)
    return tuple(sorted(paths))


def read_evaluation_embeddings(paths: Sequence[str]) -> EvaluationEmbeddings:
    """Returns all embeddings of some files; images without one are left out.

    Args:
        paths: as `plan_embeddings` returns them.

    Raises:
        InputError: a file cannot be read, or has vectors of another length than those before it.
    """
    names: list[str] = []
    matrices: list[np.ndarray] = []
    for path in paths:
        with open_named_file(path, setting=_SETTING, remedy=_REMEDY) as file:
            names_of_file, vectors = (_of_array if path.lower().endswith(".npy") else _of_table)(path, file)
        if matrices and vectors.shape[1] != matrices[0].shape[1]:
            lengths = f"{vectors.shape[1]} numbers, {public_url(paths[0])} of {matrices[0].shape[1]}"
            raise InputError(f"{public_url(path)} has embeddings of {lengths}; name those of one model")
        names += names_of_file
        matrices.append(vectors)
    return EvaluationEmbeddings(names, np.concatenate(matrices))


def _of_table(path: str, file: IO[bytes]) -> tuple[list[str], np.ndarray]:
    table = pq.read_table(file, columns=["name", EMBEDDING])
    table = table.filter(table.column(EMBEDDING).is_valid())
    rows = table.column(EMBEDDING).combine_chunks()
    if not len(rows):
        raise ValueError("it has no embedding")
    flat = rows.flatten().to_numpy(zero_copy_only=False)
    return table.column("name").to_pylist(), flat.reshape(len(rows), -1).astype(np.float16)


def _of_array(path: str, file: IO[bytes]) -> tuple[list[str], np.ndarray]:
    vectors = np.lib.format.read_array(file, allow_pickle=False)
    if vectors.ndim != 2 or vectors.dtype.kind != "f":
        raise ValueError(f"an array of {vectors.dtype}{vectors.shape} is no rows of embeddings")
    return [f"{posixpath.basename(path)}#{row}" for row in range(len(vectors))], vectors.astype(np.float16)


def _check_table(path: str, fingerprint: str | None) -> None:
    with open_named_file(path, setting=_SETTING, remedy=_REMEDY) as file:
        schema = pq.read_schema(file)
    path = public_url(path)
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    types = [schema.field(name).type for name in ("name", EMBEDDING) if name in schema.names]
    if (
        len(types) < 2
        or not any(is_kind(types[1]) for is_kind in kinds)
        or not pa.types.is_floating(types[1].value_type)
    ):
        raise InputError(f"{path} has no columns `name` and `embedding`; write it with `babelsift hash --model`")
    model = (schema.metadata or {}).get(MODEL_KEY, b"").decode()
    if fingerprint and model and model != fingerprint:
        raise InputError(
            f"{path} holds embeddings of another model ({model[:8]}) than decontaminate compares ({fingerprint[:8]}); "
            "write it with `babelsift hash --model` of the same model, weights and precision"
        )
