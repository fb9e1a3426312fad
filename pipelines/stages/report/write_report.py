"""The last step: checks the sums, and writes what people, trainers and auditors read first."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.selection import BIN_WIDTH
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.rendering import (
    ReportData,
    croissant,
    preview,
    previewed,
    render_card,
    render_report,
    sample_fields,
)
from babelsift.pipelines.run_folder.folder import RunFolder, json_bytes
from babelsift.pipelines.run_folder.paths import (
    CARD,
    CONCEPTS_FOLDER,
    CROISSANT,
    FUNNEL,
    PARQUET,
    PREVIEW,
    RECIPE,
    REJECTS,
    REPORT_PAGE,
    SELECTION,
    SIZES,
    STATS,
    TAR,
)
from babelsift.pipelines.run_folder.replacement import finish_replacement
from babelsift.pipelines.run_folder.shard_layout import SPLITS, TRAIN, VALIDATION, shard_name
from babelsift.pipelines.stages.report.drawn_samples import drawn_samples
from babelsift.pipelines.stages.report.find_survivors import with_survivors
from babelsift.pipelines.stages.report.report_inputs import GatherReportInputs, ReportInputs
from babelsift.pipelines.stages.report.sample_images import StagedImages, clusters_with_images, with_images
from babelsift.pipelines.stages.report.timings import timings_so_far
from babelsift.pipelines.stages.report.uid_digits import shown_uids, unique_digits
from babelsift.pipelines.staging.images import TarFolder
from babelsift.pipelines.staging.img2dataset.imported_rows import TAKEN_FROM
from babelsift.schemas import OUT, AccountingError, Funnel, Recipe, Stage, dump_recipe, product_path


@dataclass
class WriteReport(Transform):
    """Writes the JSON files, recipe.yaml, README.md and report/index.html; emits the funnel as a dict.

    Input: the fields of `ReportInputs` as `GatherReportInputs` takes them.
    Raises (when it runs): AccountingError: a pair was lost or doubled.

    Attributes:
        folder: the run folder.
        recipe: the run's settings.
        facts: shown in the report beside the recipe, name -> text.
        tars: the imported folder that images lie in; None: the run folder's own staging shards.
        made_columns: what the recipe's columns give.
    """

    folder: RunFolder
    recipe: Recipe
    facts: Mapping[str, str]
    tars: TarFolder | None = None
    made_columns: pa.Schema = field(default_factory=lambda: pa.schema([]))

    def expand(self, inputs: Mapping[str, Any]) -> beam.PCollection[dict]:
        """Gathers what was counted, and writes once."""
        write = beam.Map(write_report, self.folder, self.recipe, self.facts, self.tars, made_columns=self.made_columns)
        return inputs | "Inputs" >> GatherReportInputs() | "Write" >> write


def write_report(
    inputs: ReportInputs,
    folder: RunFolder,
    recipe: Recipe,
    facts: Mapping[str, str],
    tars: TarFolder | None = None,
    *,
    made_columns: pa.Schema,
    timings: Mapping[str, Any] | None = None,
) -> dict:
    """Writes what people, trainers and auditors read first; returns the funnel as a dict.

    Args:
        inputs: what the other steps counted and drew.
        folder, recipe, facts, tars, made_columns: see `WriteReport`.
        timings: of the run, as funnel.json has them; None: those of this process and its workers.

    Raises:
        AccountingError: a pair was lost or doubled.
    """
    shards = sorted(inputs.shards, key=lambda shard: (shard["split"], shard["shard"]))
    warnings = tuple(chain.from_iterable(sorted(inputs.warnings)))
    funnel = replace(checked_funnel(inputs.counts, shards, inputs.ledger), warnings=warnings)
    samples = [*drawn_samples(inputs.kept, recipe), *drawn_samples(inputs.rejected, recipe)]
    tables = [f"{SPLITS[shard['split']].folder}/{shard_name(shard['shard'])}{PARQUET}" for shard in shards]
    tables += [f"{REJECTS}/{name}" for name, _ in sorted(inputs.ledger)]
    samples = with_survivors(folder, samples, tables)
    timings = timings_so_far(folder, shards) if timings is None else timings
    staged = StagedImages(folder, tars)
    clusters = clusters_with_images(staged, inputs.clusters, inputs.cluster_urls)
    data = ReportData(
        recipe=recipe,
        funnel=funnel,
        facts={**_without_local_paths(facts), **backfill_facts(inputs.selection)},
        score_histograms=inputs.histograms,
        bin_width=BIN_WIDTH,
        columns=inputs.columns,
        made_columns=made_columns,
        samples=with_images(staged, samples),
        clusters=clusters,
        uid_digits=unique_digits(folder, shown_uids(samples, clusters), tables),
        images=sum(shard["samples"] for shard in shards),
        measures=inputs.descriptions.measures,
        hosts=inputs.descriptions.hosts,
        edits=inputs.descriptions.edits,
        timings=timings,
    )
    described = _descriptions(data, shards)
    page, selection = render_report(data).encode(), json_bytes(inputs.selection)
    own = {RECIPE: dump_recipe(recipe).encode(), REPORT_PAGE: page, SELECTION: selection}
    folder.write_all({**sizes_files(shards), **own, **described})
    finish_replacement(folder, written_files(shards, inputs.ledger, inputs.concepts) | described.keys() & {PREVIEW})
    folder.write_json(FUNNEL, {**funnel.to_json(), "timings": timings})  # last: where it is, the run is complete
    logging.info("report: %d of %d pairs kept, of %d images", funnel.kept_rows, funnel.input_rows, data.kept_images)
    return funnel.to_json()


def _without_local_paths(facts: Mapping[str, str]) -> dict[str, str]:
    """Returns the facts as a product has them: the manifest names the folder that images were taken from in full."""
    return {name: product_path(text) if name == TAKEN_FROM else text for name, text in facts.items()}


def backfill_facts(selection: Mapping[str, Any]) -> dict[str, str]:
    """Returns a fact for each language that was backfilled: its minimum, and how many pairs were added."""
    facts = {}
    for language, backfill in selection["relaxed_languages"].items():
        lowest = f" down to {backfill['lowest_given_back']:.4f}" if backfill["given_back"] else ""
        counts = f"kept {backfill['kept_before']}, backfilled {backfill['given_back']}{lowest}"
        facts[f"minimum of {language}"] = f"{backfill['minimum']}: {counts}"
    return facts


def checked_funnel(counts: Mapping, shards: list[dict], ledger: list[tuple[str, int]]) -> Funnel:
    """Returns the funnel, if what was counted on the way is what lies in the shards and in the ledger.

    Raises:
        AccountingError: it is not.
    """
    counts = dict(counts)
    for shard in shards:
        for language, rows in shard["languages"].items():
            key = (Stage.SHARD.value, OUT, language)
            counts[key] = counts.get(key, 0) + rows
    funnel = Funnel.from_counts(counts).check()
    written = sum(rows for _, rows in ledger)
    if written != funnel.rejected_rows:
        raise AccountingError(
            f"{funnel.rejected_rows} rows were rejected, {written} are in the ledger; report this as a bug"
        )
    return funnel


def _descriptions(data: ReportData, shards: list[dict]) -> dict[str, bytes]:
    """Returns the dataset card for the Hugging Face hub with its picture, and Croissant for other tools, by path."""
    count = Counter(shard["split"] for shard in shards)
    picture = preview(previewed(data.samples))
    card = render_card(
        data,
        samples_per_shard=data.recipe.shards.samples_per_shard,
        shards=count[TRAIN.name],
        validation_shards=count[VALIDATION.name],
        bytes_total=sum(shard["bytes"] for shard in shards),
    )
    splits = [(split.name, split.folder) for split in SPLITS.values() if count[split.name]]
    tars = {path: digest for shard in shards for path, digest in shard["files"].items() if path.endswith(TAR)}
    described = {CARD: card.encode(), CROISSANT: json_bytes(croissant(data, splits, sample_fields(data), tars))}
    return described if picture is None else described | {PREVIEW: picture}


def sizes_files(shards: list[dict]) -> dict[str, bytes]:
    """Returns the files that say how many samples are in which shard: where open_clip looks, and at the top."""
    files: dict[str, bytes] = {}
    for split in SPLITS.values():
        sizes = {
            f"{shard_name(shard['shard'])}.tar": shard["samples"] for shard in shards if shard["split"] == split.name
        }
        if sizes or split is TRAIN:
            files[f"{split.folder}/{SIZES}"] = json_bytes(sizes)
        if split is TRAIN:
            files[SIZES] = json_bytes(sizes)
    return files


def written_files(shards: list[dict], ledger: list[tuple[str, int]], concepts: list[str]) -> set[str]:
    """Returns the paths of the product's files whose names differ from one product to the next."""
    splits = {SPLITS[shard["split"]].folder for shard in shards} | {TRAIN.folder}
    written = {path for shard in shards for path in shard["files"]}
    written |= {f"{SPLITS[shard['split']].folder}/{shard_name(shard['shard'])}{STATS}" for shard in shards}
    written |= {f"{folder}/{SIZES}" for folder in splits}
    return written | {f"{REJECTS}/{name}" for name, _ in ledger} | {f"{CONCEPTS_FOLDER}/{name}" for name in concepts}
