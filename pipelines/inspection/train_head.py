"""Trains a head on the embeddings that a run has stored, against a table of labels or of preferences."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import yaml

from babelsift.filters.clip.heads.head_training import TrainedHead, train_head
from babelsift.filters.clip.heads.mlp_training import train_mlp
from babelsift.filters.uids import order_keys
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.scores.head_vectors import KINDS_OF_VECTORS, head_vectors
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.pipelines.staging.scores.stores_of_folder import all_embeddings, store_named
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.schemas import InputError, RunFolderError, one_line, public_url
from babelsift.schemas.recipe.groups.columns import column_name
from babelsift.schemas.recipe.groups.heads import Vectors

_HELD_OUT = 5  # one of so many uids
_CARD = ".md"
_READ: Mapping[Vectors, str] = {
    "image": "embeddings of images",
    "text": "embeddings of texts",
    "product": "the products of images' and texts' embeddings",
    "both": "embeddings of images and of texts",
}


@dataclass(frozen=True)
class TrainingReport:
    """What was trained, on how many rows.

    Attributes:
        rows: of the table. used: those whose pairs have embeddings. held_out: of these, not trained on.
        head: the head and its figures.
        card: where these are written.
    """

    rows: int
    used: int
    held_out: int
    head: TrainedHead
    card: str


@dataclass(frozen=True)
class HeadChoice:
    """What kind of head is trained.

    Attributes:
        vectors: what it reads of a pair's embeddings.
        hidden: units of a hidden layer; 0: there is none, and the head is a logistic regression.
        seed: of which rows are held out.
    """

    vectors: Vectors = "image"
    hidden: int = 0
    seed: int = 0


def train_on_run(
    folder: RunFolder,
    labels: str,
    model: str,
    output: str,
    choice: HeadChoice = HeadChoice(),
) -> TrainingReport:
    """Writes a head's safetensors file and, beside it, its card.

    Args:
        folder: a run folder with stored embeddings.
        labels: a parquet or CSV table: uid and label (0 or 1), or uid, other_uid and preference (1: the first).
        model: name of the CLIP model.
        output: the file to write, any fsspec URL.
        choice: what kind of head.

    Raises:
        InputError: the table cannot be read, or has no such columns.
        RunFolderError: the folder has no embeddings of the model; names those that it has.
        ModelError: rows are of one label, or torch is missing for a hidden layer.
    """
    table = _read_labels(labels)
    store = store_named(folder, model)
    rows = _known_rows(table, store, choice)
    if not len(rows.truth):
        raise InputError(f"{labels}: no uid of it has an embedding of {model!r} in {folder.url}; are they of this run?")
    if choice.hidden:
        head = train_mlp(rows.sides, rows.truth, rows.held_out, hidden=choice.hidden, seed=choice.seed)
    elif rows.is_pair:
        head = train_head(rows.sides[0] - rows.sides[1], rows.truth, rows.held_out, has_bias=False)
    else:
        head = train_head(rows.sides[0], rows.truth, rows.held_out)
    card = posixpath.splitext(output)[0] + _CARD
    report = TrainingReport(len(table), len(rows.truth), int(rows.held_out.sum()), head, card)
    what = "which of two pairs is preferred" if rows.is_pair else "a label"
    _write(report, output, _Trained(what, labels, store, choice.vectors))
    return report


@dataclass(frozen=True)
class _Rows:
    """The rows of a table whose pairs have embeddings.

    Attributes:
        sides: float32[n, dimension], of preferences two.
        truth: bool[n], the label; of preferences whether the first is preferred.
        held_out: bool[n].
    """

    sides: list[np.ndarray]
    truth: np.ndarray
    held_out: np.ndarray

    @property
    def is_pair(self) -> bool:
        return len(self.sides) > 1


def _known_rows(table: pa.Table, store: ScoreStore, choice: HeadChoice) -> _Rows:
    *names, label = table.column_names
    uids = [table.column(name).combine_chunks() for name in names]
    known, vectors = _embeddings(store, pa.concat_arrays(uids), choice.vectors)
    found = [pc.index_in(column, value_set=known) for column in uids]
    is_known = pa.array(np.all([column.is_valid().to_numpy(zero_copy_only=False) for column in found], axis=0))
    uids = [column.filter(is_known) for column in uids]
    sides = [vectors[column.filter(is_known).to_numpy()] for column in found]
    truth = table.column(label).filter(is_known).to_numpy().astype(bool)
    if len(sides) > 1:  # tables may name the preferred one first throughout
        turned = order_keys(uids[0], choice.seed + 1) % np.uint64(2) == 0
        sides = [np.where(turned[:, None], other, side) for side, other in zip(sides, sides[::-1], strict=True)]
        truth = truth ^ turned
    # By the lower uid, so that a preference that is there both ways is on one side.
    held_out = order_keys(pc.min_element_wise(*uids), choice.seed) % np.uint64(_HELD_OUT) == 0
    return _Rows(sides, truth, held_out)


def _read_labels(labels: str) -> pa.Table:
    try:
        with fsspec.open(labels, "rb", compression="infer") as file:
            is_csv = ".csv" in posixpath.basename(labels)
            table = pa.csv.read_csv(file) if is_csv else pq.read_table(file)
    except (OSError, ImportError, ValueError, pa.ArrowException) as error:
        where = public_url(labels)
        raise InputError(f"--labels {where}: cannot be read: {one_line(error)}; give parquet or CSV") from error
    names = ["uid", "other_uid", "preference"] if "preference" in table.column_names else ["uid", "label"]
    if missing := [name for name in names if name not in table.column_names]:
        raise InputError(
            f"--labels {labels}: has no column {missing[0]!r}, it has {table.column_names}; a table has uid and label, "
            "or uid, other_uid and preference"
        )
    table = table.select(names)
    values = table.column(names[-1])
    try:
        uids = [pc.cast(table.column(name), pa.string()) for name in names[:-1]]
        numbers = pc.cast(values, pa.int64())
    except pa.ArrowException as error:
        raise InputError(f"--labels {labels}: {one_line(error)}; labels are 0 and 1, uids text") from error
    if values.null_count or not set(pc.unique(numbers).to_pylist()) <= {0, 1}:
        raise InputError(f"--labels {labels}: column {names[-1]!r} holds other values than 0 and 1")
    wrong = [uid for column in uids for uid in column.to_pylist() if uid is None or not _is_uid(uid)]
    if wrong:
        raise InputError(f"--labels {labels}: {wrong[0]!r} is no uid, 32 hex digits as the shards' tables have them")
    return pa.table([*uids, numbers], names=names)


def _is_uid(text: str) -> bool:
    return len(text) == 32 and not set(text) - set("0123456789abcdef")


def _embeddings(store: ScoreStore, wanted: pa.Array, read: Vectors) -> tuple[pa.Array, np.ndarray]:
    """Returns the wanted uids that have embeddings, each once, and float32[n, dimension] of what a head reads."""
    uids: list[pa.Array] = []
    vectors: list[np.ndarray] = []
    for of_chunk, parts in all_embeddings(store, KINDS_OF_VECTORS[read], wanted=wanted):
        uids.append(of_chunk)
        vectors.append(head_vectors(read, parts))
    if not uids:
        return pa.array([], pa.string()), np.zeros((0, 1), np.float32)
    return pa.concat_arrays(uids), np.concatenate(vectors)


@dataclass(frozen=True)
class _Trained:
    what: str
    labels: str
    store: ScoreStore
    vectors: Vectors


def _write(report: TrainingReport, output: str, trained: _Trained) -> None:
    from safetensors.numpy import save

    head = report.head
    tensors: dict[str, np.ndarray] = {}
    for number, (weight, bias) in enumerate(head.layers):
        tensors |= {f"{number}.weight": weight, f"{number}.bias": bias}
    with storage_failures(RunFolderError, f"cannot write {public_url(output)}"):
        with fsspec.open(output, "wb") as file:
            file.write(save(tensors))
        with fsspec.open(report.card, "w", encoding="utf-8") as file:
            file.write(_card(report, output, trained))


def _card(report: TrainingReport, output: str, trained: _Trained) -> str:
    head, name = report.head, posixpath.splitext(posixpath.basename(output))[0]
    store, read = trained.store, {} if trained.vectors == "image" else {"vectors": trained.vectors}
    kind, activation = ("Logistic regression", {}) if len(head.layers) == 1 else ("An MLP", {"activation": "relu"})
    layers = {"file": output, **activation, "output": "sigmoid"}
    column = {
        "name": column_name(name),
        "of": "embedding",
        "by": "layers",
        "model": store.name,
        **read,
        "layers": layers,
    }
    line = yaml.safe_dump(column, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf).strip()
    rows = f"{report.rows} rows, {report.used} with embeddings, {report.held_out} held out"
    bins = "\n".join(f"| {one.rows} | {one.score:.3f} | {one.positive:.3f} |" for one in head.calibration)
    return f"""# {name}

{kind} of {trained.what} on {_READ[trained.vectors]} by `{store.name}` (fingerprint {store.fingerprint}).

- labels: {posixpath.basename(trained.labels)}, {rows}
- {head.how}
- held-out AUC: {head.auc:.4f}
- held-out calibration error: {head.calibration_error:.4f}

| held-out rows | mean score | share of positives |
|---|---|---|
{bins}

```yaml
columns:
  - {line}
```
"""
