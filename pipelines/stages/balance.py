"""Stage balance: draws thin out frequent concepts, and each concept's pairs are counted before and after.

1. Count. The pairs that match each concept entry are counted in the bundle, then a list of entries.
2. Threshold. Each list gets a threshold t; an entry with count n keeps a pair with probability t / max(n, t).
3. Draw. A pair's draws follow from the seed, its uid and its entries, so that no order changes what is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
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
from babelsift.pipelines.core.bundle_end import at_bundle_end
from babelsift.pipelines.core.groups.combine_packed import MergePacked
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.stage_outputs import REJECTED, PassAll, StageOutputs, emit, kept_and_rejected
from babelsift.pipelines.core.timers import inc_timer_msec
from babelsift.pipelines.core.transform import Transform, empty_collection
from babelsift.pipelines.core.wait_for import wait_for
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import CONCEPTS_FOLDER
from babelsift.schemas import MATCHED_ENTRIES, Decision, Stage
from babelsift.schemas.concepts import CONCEPT_SCHEMA
from babelsift.schemas.recipe import BalanceSettings, ConceptSettings

CONCEPTS = "concepts"  # the tag of the counts before balancing
_EVERY_LANGUAGE_FILE = "all"
_CHUNKS_BEFORE_MERGING = 64


@dataclass
class BalanceConcepts(Transform):
    """Draws pairs by the concepts they match; without settings all pass.

    Input and main output: batches with uid, language and, where concepts are matched, matched_entries. REJECTED: pairs
    not drawn. CONCEPTS: (list, packed ENTRY_COUNT array) of the input, a list once; nothing where none are matched.

    Attributes:
        settings: None: the stage is off.
        metadata: where the concept entries are; None: concepts are not matched.
        seed: of the draws.
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
        if self.settings is None or self.metadata is None:
            step = beam.ParDo(PassAll(Stage.BALANCE))
        else:
            draw = _Draw(self.settings, ListNames(self.metadata.entries), self.seed)
            step = beam.ParDo(draw, beam.pvalue.AsDict(counts))
        outputs = batches | "Draw" >> kept_and_rejected(step)
        return StageOutputs({"kept": outputs.kept, REJECTED: outputs[REJECTED], CONCEPTS: counts})


@dataclass
class CountConcepts(Transform):
    """Counts the pairs that match each entry: (list, packed ENTRY_COUNT array); nothing where concepts are not matched.

    Attributes:
        metadata: where the concept entries are; None: concepts are not matched.
    """

    metadata: ConceptSettings | None

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[tuple[str, bytes]]:
        """Adds up in the bundle, then a list."""
        if self.metadata is None:
            return empty_collection(batches, "NoConcepts", tuple[str, bytes])
        count = beam.ParDo(_Count(ListNames(self.metadata.entries)))
        return batches | "OfBundle" >> count.with_output_types(tuple[str, bytes]) | beam.CombinePerKey(_AddCounts())


@dataclass
class WriteConcepts(Transform):
    """Writes `concepts/<list>.parquet`, every entry with the pairs that match it before and after; emits the names.

    Input: {"before", "after": (list, packed ENTRY_COUNT array)}.

    Attributes:
        folder: the run folder.
        metadata: where the concept entries are.
        after: nothing is written before it is there.
    """

    folder: RunFolder
    metadata: ConceptSettings
    after: beam.PCollection | None = None

    def expand(self, inputs: Mapping[str, beam.PCollection[tuple[str, bytes]]]) -> beam.PCollection[str]:
        """Brings both counts of a list together; a list that nothing matches is written, too."""
        pipeline = inputs["before"].pipeline
        lists = [(name, b"") for name in find_lists(self.metadata.entries)]
        named = pipeline | "Lists" >> beam.Create(lists, reshuffle=False).with_output_types(tuple[str, bytes])
        grouped = {**inputs, "named": named} | "Together" >> beam.CoGroupByKey()
        waiting = wait_for(self.after)
        return grouped | "Write" >> beam.Map(write_concepts, self.folder, self.metadata.entries, *waiting)


def concept_files(metadata: ConceptSettings) -> tuple[str, ...]:
    """Returns the names of the files that `WriteConcepts` writes, sorted."""
    return tuple(sorted(map(_file_of, find_lists(metadata.entries))))


def _file_of(list_name: str) -> str:
    return f"{list_name or _EVERY_LANGUAGE_FILE}.parquet"


def write_concepts(
    counted: tuple[str, Mapping[str, Iterable[bytes]]], folder: RunFolder, path: str, after: object = None
) -> str:
    """Writes the file of one (list, its counts before and after); returns its name."""
    name, counts = counted
    entries = read_list(find_lists(path)[name])
    columns = {"entry": np.arange(len(entries), dtype=np.int32), "text": pa.array(entries, pa.string())}
    for side in ("before", "after"):
        rows = np.zeros(len(entries), np.int64)
        for packed in counts[side]:
            matched = np.frombuffer(packed, ENTRY_COUNT)
            rows[matched["entry"]] = matched["rows"]
        columns[side] = rows
    file_name = _file_of(name)
    with folder.writing(f"{CONCEPTS_FOLDER}/{file_name}") as file:
        pq.write_table(pa.table(columns, schema=CONCEPT_SCHEMA), file, compression="zstd")
    return file_name


@dataclass(frozen=True)
class ListNames:
    """Says which list of concept entries each row of a batch was matched with; only names are read, no list.

    Attributes:
        path: of the lists.
    """

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
        self._counts: dict[str, list[np.ndarray]] = {}

    def process(self, element: pa.RecordBatch) -> Iterator[tuple[str, bytes]]:
        names = np.array(self._lists(element), dtype=object)
        for name in sorted(set(names) - {None}):
            matches = element.column(MATCHED_ENTRIES.name).take(pa.array(np.flatnonzero(names == name)))
            counts = self._counts.setdefault(name, [])
            counts.append(count_entries(matches))
            if len(counts) >= _CHUNKS_BEFORE_MERGING:
                self._counts[name] = [add_entry_counts(counts)]
        yield from ()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for name, counts in self._counts.items():
            merged = add_entry_counts(counts)
            if len(merged):
                yield at_bundle_end((name, merged.tobytes()))


class _AddCounts(MergePacked):
    def merge(self, packed: list[bytes]) -> bytes:
        return add_entry_counts([np.frombuffer(counts, ENTRY_COUNT) for counts in packed]).tobytes()


def entry_probabilities(settings: BalanceSettings, packed: Mapping[str, bytes]) -> dict[str, EntryProbabilities]:
    """Returns how likely each entry of each list keeps a pair, of packed ENTRY_COUNT arrays by list."""
    counts = {name: np.frombuffer(content, ENTRY_COUNT) for name, content in packed.items()}
    threshold_of = thresholds(counts, settings)
    return {name: EntryProbabilities.of(counts[name], threshold_of[name]) for name in counts}


class _Draw(beam.DoFn):
    def __init__(self, settings: BalanceSettings, lists: ListNames, seed: int) -> None:
        self._settings = settings
        self._lists = lists
        self._seed = seed
        self._probabilities = OncePerBundle(partial(entry_probabilities, settings))

    def process(self, element: pa.RecordBatch, packed: dict[str, bytes]) -> Iterator[object]:
        with inc_timer_msec(Stage.BALANCE, "draw"):
            decision, probabilities = Decision.keep_all(len(element)), self._probabilities.of(packed)
            reject_by_balance(element, self._lists(element), probabilities, self._settings, self._seed, decision)
            kept, rejected = decision.split(element, Stage.BALANCE)
        yield from emit(Stage.BALANCE, len(element), [kept], [rejected])
