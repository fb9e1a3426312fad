"""The ledger with what was removed in it, and the funnel that follows from ledger and shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.removal.tables import read_rows
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET, REJECTS
from babelsift.pipelines.run_folder.tombstones import Tombstones
from babelsift.pipelines.stages.report.ledger import LEDGER_ORDER, LedgerPartition
from babelsift.schemas import (
    IN,
    LEDGER_SCHEMA,
    OUT,
    SOURCE_ROWS,
    STAGE_ORDER,
    Funnel,
    RejectReason,
    Stage,
    as_removed,
    ledger_rows,
)

_STAMP = b"babelsift_removal"
_KNOW_LANGUAGES = STAGE_ORDER[STAGE_ORDER.index(Stage.LANGUAGE) :]


def rewrite_ledger(
    folder: RunFolder, where: str, removed: Tombstones, gone: Iterable[pa.Table], *, files: int, removal: int
) -> None:
    """Has each pair that was removed in the ledger once, with uid, source and reason alone.

    A file says by which removal it was written, so that one that goes on adds nothing twice.

    Args:
        folder: the run folder.
        where: the ledger's folder in it.
        removed: what goes.
        gone: rows of shards that go, with the columns of pairs.
        files: of the ledger, at most.
        removal: its number.

    Raises:
        RunFolderError: a file cannot be read or written.
    """
    new: dict[int, list[pa.RecordBatch]] = {}
    for table in gone:
        for batch in table.combine_chunks().to_batches():
            rows = _as_ledger(batch, removed)
            numbers = LedgerPartition(files)(rows)
            for number in np.unique(numbers).tolist():
                new.setdefault(number, []).append(rows.filter(pa.array(numbers == number)))
    there = {int(name.removesuffix(PARQUET)) for name in folder.list(where, PARQUET)}
    for number in sorted(there | new.keys()):
        path = f"{where}/{number:05d}{PARQUET}"
        rows = read_rows(folder, path) if number in there else LEDGER_SCHEMA.empty_table()
        stamp = {_STAMP: str(removal).encode()}
        if (rows.schema.metadata or {}).get(_STAMP) == stamp[_STAMP]:
            continue
        goes = removed.are_pairs(rows)
        if not goes.any() and number not in new:
            continue
        metadata = {**(rows.schema.metadata or {}), **stamp}
        added = pa.Table.from_batches(new.get(number, []), LEDGER_SCHEMA)
        whole = pa.concat_tables([as_removed(rows, goes).cast(LEDGER_SCHEMA), added])
        whole = whole.sort_by([(name, "ascending") for name in LEDGER_ORDER]).replace_schema_metadata(metadata)
        with folder.writing(path) as file:
            pq.write_table(whole, file, compression="zstd")


def _as_ledger(rows: pa.RecordBatch, removed: Tombstones) -> pa.RecordBatch:
    """Returns pairs of shards as ledger rows: those that go by themselves, and texts whose image alone goes."""
    reasons = [RejectReason.REMOVED.value] * len(rows)
    nothing = [None] * len(rows)
    ledger = ledger_rows(rows, stage=Stage.SHARD, reasons=reasons, values=nothing, thresholds=nothing)
    return as_removed(ledger, removed.are_pairs(rows))


def ledger_files(folder: RunFolder, where: str = REJECTS) -> Iterator[tuple[str, pa.Table]]:
    """Yields (name, rows) of a ledger's files."""
    for name in folder.list(where, PARQUET):
        yield name, read_rows(folder, f"{where}/{name}")


def counts_of(
    rejected: Iterable[pa.Table], kept: Mapping[str, int], stages: Sequence[str], *, source_rows: int | None
) -> dict[tuple[str, str, str], int]:
    """Returns the counts of a run as `CountRows` has them, but for what comes out of its last stage.

    Args:
        rejected: the ledger.
        kept: language -> pairs that are kept at the end.
        stages: those that the run has an account of.
        source_rows: of the input; None: not known.
    """
    gone: Counter[tuple[str, str, str]] = Counter()
    for rows in rejected:
        groups = rows.group_by(["stage", "reason", "language"]).aggregate([([], "count_all")]).to_pylist()
        for group in groups:
            gone[group["stage"], group["reason"], group["language"] or ""] += group["count_all"]
    counts: dict[tuple[str, str, str], int] = dict(gone)
    if source_rows is not None:
        counts[Stage.READ.value, SOURCE_ROWS, ""] = source_rows
    left, entering = Counter(kept), sum(kept.values())
    for position in range(len(stages) - 1, -1, -1):  # what came out of a stage, from the last back to the first
        stage = Stage(stages[position])
        if position < len(stages) - 1:
            languages = left if stage in _KNOW_LANGUAGES else Counter({"": entering})
            counts |= {(stage.value, OUT, language): rows for language, rows in languages.items() if rows}
        for (name, _, language), rows in gone.items():
            if name == stage.value:
                entering += rows
                left[language] += rows
        counts[stage.value, IN, ""] = entering
    return counts


def funnel_of(
    rejected: Iterable[pa.Table], kept: Mapping[str, int], stages: Sequence[str], *, source_rows: int | None
) -> Funnel:
    """Returns the funnel that follows from ledger and kept pairs; arguments are those of `counts_of`.

    Raises:
        AccountingError: it does not add up.
    """
    counts = counts_of(rejected, kept, stages, source_rows=source_rows)
    counts |= {(stages[-1], OUT, language): rows for language, rows in kept.items()}
    whole = Funnel.from_counts(counts)
    return Funnel(tuple(stage for stage in whole.stages if stage.stage in stages), source_rows).check()
