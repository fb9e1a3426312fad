"""Stage balance: frequent concepts thinned out by draws, and what each concept has before and after."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from babelsift.filters.concepts import (
    ENTRY_COUNT,
    EntryProbabilities,
    add_entry_counts,
    count_entries,
    find_lists,
    list_for,
    read_list,
    reject_by_balance,
    thresholds,
)
from babelsift.pipelines.core.combine_packed import MergePacked
from babelsift.pipelines.core.stage_outputs import REJECTED, StageOutputs, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import CONCEPTS_FOLDER
from babelsift.schemas import MATCHED_ENTRIES, Decision, Stage
from babelsift.schemas.concepts import CONCEPT_SCHEMA
from babelsift.schemas.recipe import BalanceSettings, ConceptSettings

CONCEPTS = "concepts"  # the tag of the counts before balancing
_EVERY_LANGUAGE_FILE = "all"
_MERGED_AT = 64


@dataclass
class BalanceConcepts(Transform):
    """Draws pairs by the concepts they match; without settings all pass.

    Input and main output: batches with uid, language and, where there is metadata, matched_entries. REJECTED: pairs not
    drawn. CONCEPTS: (list, packed ENTRY_COUNT array) of the input, a list once; nothing without metadata.
    """

    settings: BalanceSettings | None
    metadata: ConceptSettings | None
    seed: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.settings is not None and self.metadata is None:
            raise ValueError("balancing needs the concepts that captions match: metadata is null")

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> StageOutputs:
        """Counts the concepts, then draws."""
        counts = batches | "Count" >> CountConcepts(self.metadata)
        sides = [] if self.settings is None else [beam.pvalue.AsDict(counts)]
        draw = beam.ParDo(_Draw(self.settings, self.metadata, self.seed), *sides)
        outputs = batches | "Draw" >> kept_and_rejected(draw)
        return StageOutputs({"kept": outputs.kept, REJECTED: outputs[REJECTED], CONCEPTS: counts})


@dataclass
class CountConcepts(Transform):
    """Counts the pairs that match each entry: (list, packed ENTRY_COUNT array); nothing without metadata."""

    metadata: ConceptSettings | None

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[tuple[str, bytes]]:
        """Adds up in the bundle, then a list."""
        if self.metadata is None:
            nothing = batches.pipeline | "NoMetadata" >> beam.Create([], reshuffle=False)
            return nothing | beam.Map(tuple).with_output_types(tuple[str, bytes])
        count = beam.ParDo(_Count(ListNames(self.metadata.entries)))
        return batches | "OfBundle" >> count.with_output_types(tuple[str, bytes]) | beam.CombinePerKey(_AddCounts())


@dataclass
class WriteConcepts(Transform):
    """Writes `concepts/<list>.parquet`, every entry with the pairs that match it before and after; emits the names.

    Input: {"before", "after": (list, packed ENTRY_COUNT array)}.
    """

    folder: RunFolder
    metadata: ConceptSettings

    def expand(self, inputs: Mapping[str, beam.PCollection[tuple[str, bytes]]]) -> beam.PCollection[str]:
        """Brings both counts of a list together; a list that nothing matches is written, too."""
        pipeline = inputs["before"].pipeline
        lists = [(name, b"") for name in find_lists(self.metadata.entries)]
        named = pipeline | "Lists" >> beam.Create(lists, reshuffle=False).with_output_types(tuple[str, bytes])
        together = {**inputs, "named": named} | "Together" >> beam.CoGroupByKey()
        return together | "Write" >> beam.Map(write_concepts, self.folder, self.metadata.entries)


def write_concepts(counted: tuple[str, Mapping[str, Iterable[bytes]]], folder: RunFolder, path: str) -> str:
    """Writes the file of one (list, its counts before and after); returns its name."""
    name, counts = counted
    entries = read_list(find_lists(path)[name])
    columns = {"entry": np.arange(len(entries), dtype=np.int32), "text": pa.array(entries, pa.string())}
    for side in ("before", "after"):
        rows = np.zeros(len(entries), np.int64)
        for packed in counts[side]:
            found = np.frombuffer(packed, ENTRY_COUNT)
            rows[found["entry"]] = found["rows"]
        columns[side] = rows
    file_name = f"{name or _EVERY_LANGUAGE_FILE}.parquet"
    with folder.writing(f"{CONCEPTS_FOLDER}/{file_name}") as file:
        pq.write_table(pa.table(columns, schema=CONCEPT_SCHEMA), file, compression="zstd")
    return file_name


@dataclass(frozen=True)
class ListNames:
    """Which metadata list each row of a batch was matched with; only names are looked up, no list is loaded."""

    path: str

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(find_lists(self.path))

    def __call__(self, batch: pa.RecordBatch) -> list[str | None]:
        """Returns the list's name a row; None where its language has none."""
        return [list_for(language, self._names) for language in batch.column("language").to_pylist()]


class _Count(beam.DoFn):
    def __init__(self, lists: ListNames) -> None:
        self._lists = lists

    def start_bundle(self) -> None:
        self._parts: dict[str, list[np.ndarray]] = {}

    def process(self, element: pa.RecordBatch) -> Iterator[tuple[str, bytes]]:
        names = np.array(self._lists(element), dtype=object)
        for name in sorted(set(names) - {None}):
            matches = element.column(MATCHED_ENTRIES.name).take(pa.array(np.flatnonzero(names == name)))
            parts = self._parts.setdefault(name, [])
            parts.append(count_entries(matches))
            if len(parts) >= _MERGED_AT:
                self._parts[name] = [add_entry_counts(parts)]
        yield from ()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        for name, parts in self._parts.items():
            merged = add_entry_counts(parts)
            if len(merged):
                yield WindowedValue((name, merged.tobytes()), window.max_timestamp(), [window])


class _AddCounts(MergePacked):
    def merge(self, packed: list[bytes]) -> bytes:
        return add_entry_counts([np.frombuffer(counts, ENTRY_COUNT) for counts in packed]).tobytes()


class _Draw(beam.DoFn):
    def __init__(self, settings: BalanceSettings | None, metadata: ConceptSettings | None, seed: int) -> None:
        self._settings = settings
        self._lists = None if metadata is None else ListNames(metadata.entries)
        self._seed = seed
        self._side: object = None

    def process(self, element: pa.RecordBatch, packed: dict[str, bytes] | None = None) -> Iterator[object]:
        if self._settings is None or packed is None:
            yield from emit(Stage.BALANCE, len(element), [element], [])
            return
        started = time.monotonic()
        if self._side is not packed:  # the side input is the same object for a whole bundle
            counts = {name: np.frombuffer(content, ENTRY_COUNT) for name, content in packed.items()}
            at = thresholds(counts, self._settings)
            self._side = packed
            self._known = {name: EntryProbabilities.of(counts[name], at[name]) for name in counts}
        decision = Decision.keep_all(len(element))
        reject_by_balance(element, self._lists(element), self._known, self._settings, self._seed, decision)
        kept, rejected = decision.split(element, Stage.BALANCE)
        Metrics.counter(Stage.BALANCE.value, "draw_msec").inc(round(1000 * (time.monotonic() - started)))
        yield from emit(Stage.BALANCE, len(element), [kept], [rejected])
