"""What Beam costs: the demo's pairs through `Curate`, and through the same stages called in a plain Python loop.

Both sides start from a run folder with the images staged and nothing else, so that what is timed is the pipeline, not
the web: reading, rules, language, both deduplications, scoring from the staged images, selection, shards, ledger.
`PAIRS` and `RUNS` are sizes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import (
    digest_records,
    duplicate_of,
    duplicated,
    lowest_per_digest,
    near_image_links,
    nearest_kept_images,
)
from babelsift.filters.language import LanguageIdentifier
from babelsift.filters.rules import reject_by_captions, reject_by_language, reject_by_urls
from babelsift.filters.selection import Selector
from babelsift.filters.shard_order import sort_keys
from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.core.groups.lowest_per_digest import batch_row_keys
from babelsift.pipelines.core.groups.pair_digests import uid_digests
from babelsift.pipelines.core.runners.run_job import run_job
from babelsift.pipelines.core.split_by_partition import split_rows
from babelsift.pipelines.demo.server import serving
from babelsift.pipelines.demo.web import build_web, write_table
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.slices import InputPlan
from babelsift.pipelines.job.curate import Curate
from babelsift.pipelines.job.plan import RunPlan
from babelsift.pipelines.job.run import run as curate
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import open_manifest
from babelsift.pipelines.run_folder.paths import MANIFEST
from babelsift.pipelines.stages.dedup.images.image_hashes import (
    content_digests,
    has_structure,
    hash_rows,
    hashed_records,
)
from babelsift.pipelines.stages.download.partition import PartitionDownload
from babelsift.pipelines.stages.download.worker import acquire_worker, release_worker
from babelsift.pipelines.stages.image_rules import decide_images
from babelsift.pipelines.stages.language import with_languages
from babelsift.pipelines.stages.read import read_slice
from babelsift.pipelines.stages.report.ledger import write_ledger_file
from babelsift.pipelines.stages.score.model_handlers import ClipModelHandler
from babelsift.pipelines.stages.score.run_models import add_scores
from babelsift.pipelines.stages.score.score_pairs import split_unscorable
from babelsift.pipelines.stages.shard.shard_writer import write_shard
from babelsift.pipelines.staging.partitions import SPLIT_DOMAINS, Partitioning, read_split_domains
from babelsift.pipelines.staging.shards import StagingListing
from babelsift.pipelines.staging.staged_rows import split_staged
from babelsift.schemas import Decision, Recipe, RejectReason, Stage
from benchmarks.harness.outcome import Figure, Outcome, alternating, median_ratio

PAIRS = int(os.environ.get("PAIRS", 3000))
RUNS = int(os.environ.get("RUNS", 5))

_Batches = list[pa.RecordBatch]


def run() -> Outcome:
    """Times both sides, alternating."""
    recipe = load_recipe("demo")
    web = build_web(0, PAIRS)
    with tempfile.TemporaryDirectory() as home:
        table = Path(home) / "pairs.parquet"
        with serving(web) as base_url:
            write_table(web, table, base_url)
            funnel = curate(recipe, [str(table)], f"{home}/filled")
        plan = plan_input([str(table)])
        kept: dict[str, int] = {}

        def through_beam() -> None:
            folder = _staged_copy(home)
            run = RunPlan(recipe, folder, source=plan)
            run_job(Curate(run, plan, open_manifest(folder, rows=0, rows_per_partition=1)), "Curate", run.options)
            kept["beam"] = sum(folder.read_json("sizes.json").values())

        def plain_loop() -> None:
            kept["loop"] = _curate_in_a_loop(recipe, _staged_copy(home), plan)

        seconds = alternating({"ours": through_beam, "peer": plain_loop}, runs=RUNS)
        if not kept["beam"] == kept["loop"] == funnel.kept_rows:
            raise AssertionError(f"the two sides kept different pairs: {kept}")
    pace = {side: PAIRS / statistics.median(times) for side, times in seconds.items()}
    ratio = median_ratio(seconds["ours"], seconds["peer"])
    what = f"{PAIRS} pairs of the demo, images staged, medians of {RUNS} alternating runs; peer: a plain Python loop"
    return Outcome(
        "overhead",
        what,
        {
            "pairs_per_s": Figure("pairs/s", pace["ours"], pace["peer"], pace["ours"] / pace["peer"]),
            "seconds": Figure("s", statistics.median(seconds["ours"]), statistics.median(seconds["peer"]), ratio),
        },
    )


def _staged_copy(home: str) -> RunFolder:
    """A fresh run folder with the staged images of the filled one."""
    shutil.rmtree(f"{home}/run", ignore_errors=True)
    shutil.copytree(f"{home}/filled/staging/images", f"{home}/run/staging/images")
    for name in (MANIFEST, SPLIT_DOMAINS):
        if Path(f"{home}/filled/{name}").exists():
            shutil.copy(f"{home}/filled/{name}", f"{home}/run/{name}")
    return RunFolder(f"{home}/run")


def _curate_in_a_loop(recipe: Recipe, folder: RunFolder, plan: InputPlan) -> int:
    """The stages as a script would call them; returns the number of pairs kept."""
    ledger: _Batches = []
    batches = list(_read_and_identify(recipe, plan, ledger))
    batches = _first_pairs(batches, ledger)
    batches = list(_staged(recipe, folder, concat(batches), ledger))
    batches = _split_each(batches, Stage.IMAGE_RULES, lambda batch: decide_images(batch, recipe.images), ledger)
    batches = _distinct_images(recipe, batches, ledger)
    batches = list(_scored(recipe, folder, batches, ledger))
    selector = Selector(recipe.select, recipe.model_names)
    batches = _split_each(batches, Stage.SELECT, selector.decide, ledger)
    rows = pa.Table.from_batches(batches)
    rows = rows.take(pa.array(np.argsort(sort_keys(rows.column("uid").combine_chunks(), recipe.seed))))
    size = recipe.shards.samples_per_shard
    for shard, start in enumerate(range(0, len(rows), size)):
        write_shard(folder, shard, rows.slice(start, size).combine_chunks(), samples_per_shard=size)
    write_ledger_file((0, ledger), folder)
    return len(rows)


def _read_and_identify(recipe: Recipe, plan: InputPlan, ledger: _Batches) -> Iterator[pa.RecordBatch]:
    identifier = LanguageIdentifier(recipe.language.model)
    for part in plan.slices:
        for _, pairs, rejected, _ in read_slice(part, plan):
            ledger += rejected
            for batch in pairs:
                decision = Decision.keep_all(len(batch))
                reject_by_urls(batch.column("url"), recipe.urls, decision)
                reject_by_captions(batch.column("caption"), recipe.captions, decision)
                kept, rejected_rows = decision.split(batch, Stage.RULES)
                found = identifier.identify(kept.column("caption"))
                decision = Decision.keep_all(len(kept))
                reject_by_language(kept.column("caption"), *found.columns, recipe.language, decision)
                kept, others = decision.split(with_languages(kept, found), Stage.LANGUAGE)
                ledger += [rejected_rows, others]
                yield kept


def _first_pairs(batches: _Batches, ledger: _Batches) -> _Batches:
    whole = concat(batches)
    return [_drop_losers(whole, uid_digests(whole), Stage.DEDUP_PAIRS, ledger)]


def _drop_losers(batch: pa.RecordBatch, digests: np.ndarray, stage: Stage, ledger: _Batches) -> pa.RecordBatch:
    keys = batch_row_keys(batch)
    first = lowest_per_digest([digest_records(digests, uid_bytes(batch.column("uid")), keys)])
    return _drop(batch, duplicate_of(duplicated(first), digests, keys) >= 0, stage, ledger)


def _drop(batch: pa.RecordBatch, gone: np.ndarray, stage: Stage, ledger: _Batches) -> pa.RecordBatch:
    decision = Decision.keep_all(len(batch))
    decision.reject(gone, _REASONS[stage])
    kept, rejected = decision.split(batch, stage)
    ledger.append(rejected)
    return kept


def _staged(recipe: Recipe, folder: RunFolder, rows: pa.RecordBatch, ledger: _Batches) -> Iterator[pa.RecordBatch]:
    manifest, split = open_manifest(folder, rows=0, rows_per_partition=1), read_split_domains(folder)
    partition_of = Partitioning(manifest.partitions, manifest.partitioning)
    worker = acquire_worker(recipe.download)
    download = PartitionDownload(
        folder,
        recipe.download,
        manifest.partitions,
        worker,
        threading.Event(),
        version=manifest.partitioning,
        split=split,
    )
    for partition, some in split_rows(rows, partition_of(rows, split)):
        for staged in download.stage(partition, some, StagingListing(folder)):
            kept, rejected = split_staged(staged, recipe.download)
            ledger.append(rejected)
            yield kept
    release_worker(recipe.download)


def _split_each(
    batches: _Batches, stage: Stage, judge: Callable[[pa.RecordBatch], Decision], ledger: _Batches
) -> _Batches:
    kept = []
    for batch in batches:
        passed, rejected = judge(batch).split(batch, stage)
        kept.append(passed)
        ledger.append(rejected)
    return kept


def _distinct_images(recipe: Recipe, batches: _Batches, ledger: _Batches) -> _Batches:
    whole = concat(batches)
    settings = recipe.dedup_images
    whole = _drop_losers(whole, content_digests(whole, pixels=False, captions=False), Stage.DEDUP_IMAGES, ledger)
    rows = hash_rows(whole, settings)
    structured = rows.filter(pa.array(has_structure(rows, settings.min_phash_quality)))
    records = hashed_records(structured, settings)
    gone = nearest_kept_images(near_image_links(records, radius=settings.near_radius_bits))
    uids = uid_bytes(whole.column("uid"))
    whole = _drop(whole, np.isin(_as_text(uids), _as_text(gone["uid"])), Stage.DEDUP_IMAGES, ledger)
    shards = whole.column("staging_shard").to_numpy()
    return [batch for _, batch in split_rows(whole, shards)]


def _as_text(uids: np.ndarray) -> list[str]:
    return [uid.tobytes().hex() for uid in uids]


def _scored(recipe: Recipe, folder: RunFolder, batches: _Batches, ledger: _Batches) -> Iterator[pa.RecordBatch]:
    handler = ClipModelHandler(folder, recipe.clip[0])
    scorer = handler.load_model()
    for prediction in handler.run_inference(batches, scorer):
        for output in split_unscorable(add_scores(prediction), recipe.model_names):
            if isinstance(output, pa.RecordBatch):
                yield output
            else:
                ledger.append(output.value)


_REASONS = {Stage.DEDUP_PAIRS: RejectReason.DUPLICATE_PAIR, Stage.DEDUP_IMAGES: RejectReason.NEAR_DUPLICATE_IMAGE}
