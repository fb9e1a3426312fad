"""One machine, any size: metadata of millions of pairs through every stage in one process; time, memory, disk, growth.

    python -m benchmarks scale         1 and 10 million pairs; ROWS=100000,1000000 for others

Pairs and their images' hashes are drawn where they are needed and no image is read; every stage decides: rules,
language, frequency, concepts, equal and nearly equal captions, image dedup by hashes, selection with top fractions and
caps, balancing, the shards' order, the ledger, the table of duplicates. A size runs in a process of its own, so that
its peak is its own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.core.runners.run_job import run_job
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.stage_outputs import REJECTED, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.job.curate import curate_stages, dedup_partitions
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.columns.column_stages import ColumnStages
from babelsift.pipelines.stages.columns.early_conditions import place_conditions
from babelsift.pipelines.stages.dedup.duplicates_table import DUPLICATES, WriteDuplicates
from babelsift.pipelines.stages.read import ROWS_READ
from babelsift.pipelines.stages.report.ledger import WriteLedger
from babelsift.pipelines.stages.report.row_counts import CountRows
from babelsift.pipelines.stages.shard.write_shards import GroupShards, ordered_rows
from babelsift.pipelines.staging.gather_shards import staging_shards
from babelsift.schemas import Recipe, Stage, recipe_from
from benchmarks.harness.outcome import Figure, Outcome
from benchmarks.harness.own_process import in_process, peak_mib
from benchmarks.workloads.drawn_pairs import BATCH_ROWS, MODEL, as_downloaded, as_scored, draw_pairs, entries

SIZES = (1_000_000, 10_000_000)
_SHARD_ROWS = 10_000
_GOAL_MIB = 2_000_000_000 / 2**20


def run() -> Outcome:
    """Runs each size, and says what a row costs from one to the next."""
    sizes = [int(rows) for rows in os.environ.get("ROWS", ",".join(map(str, SIZES))).split(",")]
    found = {}
    for rows in sizes:
        found[rows] = in_process(__name__, "measure", rows)
        print(f"bench: scale: {rows} rows: {found[rows]}", file=sys.stderr, flush=True)
    figures = {}
    for rows, size in found.items():
        figures[f"pace_{rows}"] = Figure("rows/s", rows / size["seconds"])
        figures[f"cpu_{rows}"] = Figure("s a million rows", size["cpu_s"] / rows * 1e6)
        figures[f"peak_{rows}"] = Figure("MiB", size["peak_mib"], goal=f"<= {_GOAL_MIB:.0f} at 10 million")
        figures[f"disk_{rows}"] = Figure("MB at once", size["disk_bytes"] / 1e6)
    if len(sizes) > 1:
        low, high = sizes[0], sizes[-1]
        growth = (found[high]["peak_mib"] - found[low]["peak_mib"]) * 2**20 / (high - low)
        figures["memory_growth"] = Figure("bytes a row", growth)
        figures["disk_growth"] = Figure("bytes a row", found[high]["disk_bytes"] / high)
    kept = ", ".join(f"{size['kept']} of {rows}" for rows, size in found.items())
    return Outcome("scale", f"synthetic pairs, metadata only, every stage, one process; kept {kept}", figures)


def measure(rows: int) -> None:
    """Runs one size and prints what it took as one JSON line."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="babelsift-bench-") as home:
        concepts = Path(home, "concepts.json")
        concepts.write_text(json.dumps(entries()), encoding="utf-8")
        recipe = _recipe(str(concepts))
        disk_bytes = run_job(_EveryStage(recipe, rows, RunFolder(home)), "Scale", PipelineOptions([]))
        kept = json.loads(Path(home, "kept.json").read_text())
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {"seconds": time.monotonic() - started, "cpu_s": used.ru_utime + used.ru_stime, "peak_mib": peak_mib()}
    print(json.dumps({**figures, "disk_bytes": disk_bytes, "kept": kept}))


def _recipe(concepts: str) -> Recipe:
    content = {
        "name": "scale",
        "captions": {"min_words": 3, "min_characters": 10, "reject_urls": True},
        "frequency": {"max_images_per_caption": 50, "max_captions_per_image": 20},
        "metadata": {"entries": concepts, "min_matches": 1},
        "dedup_pairs": {"near_captions": {}},
        "dedup_images": {"near_radius_bits": 31, "near_crops": False},
        "clip": {"model": "ViT-B-32", "pretrained": "openai", "name": MODEL},
        "select": {"top_fraction_by_language": 0.9, "caps": {"per_caption": 5, "per_host": 100_000}},
        "balance": {"threshold": 1_000_000},
    }
    return recipe_from(content, source="bench")


@dataclass
class _EveryStage(Transform):
    recipe: Recipe
    rows: int
    folder: RunFolder

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        stages = curate_stages(
            pbegin,
            self.recipe,
            self.rows,
            read=_Read(self.rows),
            download=_Download(),
            score=_Score(),
            columns=ColumnStages(place_conditions(self.recipe, ())),
        )
        rejected = tuple(stage[REJECTED] for stage in stages.values()) | "Rejected" >> beam.Flatten()
        kept = {name: stage["kept"] for name, stage in stages.items() if name is not Stage.SHARD}
        counts = {"read": stages[Stage.READ][ROWS_READ], "kept": kept, "rejected": rejected} | "Count" >> CountRows()
        _ = counts | "DropCounts" >> beam.FlatMap(lambda _: ())
        duplicates = stages[Stage.DEDUP_IMAGES][DUPLICATES]
        _ = duplicates | "Duplicates" >> WriteDuplicates(self.folder, partitions=dedup_partitions(self.rows))
        _ = rejected | "Ledger" >> WriteLedger(self.folder, max(1, self.rows // 100_000))
        shards = stages[Stage.SHARD]["kept"] | "Group" >> GroupShards(_SHARD_ROWS, self.recipe.seed)
        sizes = shards | "Order" >> beam.MapTuple(shard_rows, self.recipe.seed)
        return sizes | "Sum" >> beam.CombineGlobally(sum) | "Write" >> beam.Map(_write, self.folder)


def shard_rows(_: int, batches: Iterable[pa.RecordBatch], seed: int = 0) -> int:
    """Returns how many rows a shard has, once they are in order."""
    return len(ordered_rows(batches, seed))


def _write(kept: int, folder: RunFolder) -> None:
    folder.write_json("kept.json", kept)


@dataclass
class _Read(Transform):
    rows: int

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.pvalue.DoOutputsTuple:
        firsts = pbegin | beam.Create(range(0, self.rows, BATCH_ROWS), reshuffle=False)
        return firsts | "Draw" >> kept_and_rejected(beam.ParDo(_Draw()), {ROWS_READ: tuple[int, int]})


class _Draw(beam.DoFn):
    def process(self, element: int) -> Iterator[object]:
        yield from emit(Stage.READ, BATCH_ROWS, [draw_pairs(element)], [])
        yield beam.pvalue.TaggedOutput(ROWS_READ, (BATCH_ROWS, BATCH_ROWS))


@dataclass
class _Download(Transform):
    """Brings each staging shard's rows together, as downloading does."""

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        downloaded = batches | "Hashes" >> beam.Map(as_downloaded).with_output_types(pa.RecordBatch)
        split = beam.ParDo(SplitByPartition(staging_shards)).with_output_types(tuple[int, pa.RecordBatch])
        grouped = downloaded | "Split" >> split | "GroupByShard" >> beam.GroupByKey()
        return grouped | "Gather" >> kept_and_rejected(beam.ParDo(_Gather()))


class _Gather(beam.DoFn):
    def process(self, element: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[object]:
        batch = pa.concat_batches(list(element[1]))
        yield from emit(Stage.DOWNLOAD, len(batch), [batch], [])


@dataclass
class _Score(Transform):
    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        return batches | "Similarities" >> kept_and_rejected(beam.ParDo(_AddSimilarities()))


class _AddSimilarities(beam.DoFn):
    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        yield from emit(Stage.SCORE, len(element), [as_scored(element)], [])
