"""The last step: checks the sums, and writes what people, trainers and auditors read first."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import apache_beam as beam

from filters.histogram import BIN_WIDTH
from pipelines.ledger import REJECTS
from pipelines.report import ReportData, Sample, render_card, render_report
from pipelines.run_folder import RunFolder
from pipelines.shard_writer import SHARDS, shard_name
from pipelines.staged_samples import with_images
from schemas import OUT, AccountingError, Funnel, Recipe, Stage, dump_recipe, similarity_column

FUNNEL = "funnel.json"
# open_clip looks beside the shards; the run folder's own place is its top.
SIZES = ("sizes.json", f"{SHARDS}/sizes.json")


@dataclass
class WriteReport(beam.PTransform):
    """Writes funnel.json, sizes.json, recipe.yaml, README.md and report/index.html; emits the funnel as a dict.

    Input: {"counts": CountRows' dict, "shards": WriteShards' dicts, "ledger": WriteLedger's (name, rows),
    "kept", "rejected": SampleRows' dicts, "histograms": {model: SimilarityHistograms' dict},
    "warnings": RemovalWarnings' list}.
    Raises (when it runs): AccountingError: a pair was lost or doubled.

    Attributes: facts: what the report's table of facts shows beside the recipe.
    """

    folder: RunFolder
    recipe: Recipe
    facts: dict[str, str]

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, inputs: Mapping[str, Any]) -> beam.PCollection[dict]:
        """Brings everything that was counted to one place."""
        one, many = beam.pvalue.AsSingleton, beam.pvalue.AsList
        pipeline = inputs["counts"].pipeline
        named = [
            histogram | f"Name_{name}" >> beam.Map(_named, similarity_column(name))
            for name, histogram in inputs["histograms"].items()
        ]
        histograms = tuple(named) | "AllModels" >> beam.Flatten(pipeline=pipeline) | beam.combiners.ToDict()
        write = beam.ParDo(
            _WriteReport(self.folder, self.recipe, self.facts),
            one(inputs["counts"]),
            many(inputs["shards"]),
            many(inputs["ledger"]),
            one(inputs["kept"]),
            one(inputs["rejected"]),
            one(histograms),
            one(inputs["warnings"]),
        )
        return pipeline | "Once" >> beam.Create([None], reshuffle=False) | "Write" >> write


def _named(value: Any, name: str) -> tuple[str, Any]:
    return name, value


class _WriteReport(beam.DoFn):
    def __init__(self, folder: RunFolder, recipe: Recipe, facts: dict[str, str]) -> None:
        self._folder = folder
        self._recipe = recipe
        self._facts = facts

    def process(
        self,
        _: None,
        counts: dict,
        shards: list[dict],
        ledger: list[tuple[str, int]],
        kept: dict,
        rejected: dict,
        histograms: dict,
        warnings: list[str],
    ) -> Iterator[dict]:
        shards = sorted(shards, key=lambda shard: shard["shard"])
        funnel = checked_funnel(counts, shards, ledger)
        _remove_stale(self._folder, shards, ledger)
        sizes = {f"{shard_name(one['shard'])}.tar": one["samples"] for one in shards}
        for path in SIZES:
            self._folder.write_json(path, sizes)
        self._folder.write("recipe.yaml", dump_recipe(self._recipe).encode())
        samples = [*_samples(kept, self._recipe), *_samples(rejected, self._recipe)]
        data = ReportData(
            recipe=self._recipe,
            funnel=funnel,
            facts=self._facts,
            score_histograms=histograms,
            bin_width=BIN_WIDTH,
            samples=with_images(self._folder, samples),
            warnings=warnings,
        )
        card = render_card(
            data,
            samples_per_shard=self._recipe.shards.samples_per_shard,
            shards=len(shards),
            bytes_total=sum(one["bytes"] for one in shards),
        )
        self._folder.write("README.md", card.encode())
        self._folder.write("report/index.html", render_report(data).encode())
        self._folder.write_json(FUNNEL, funnel.to_json())  # last: where it is, the run is complete
        logging.info("report: %d of %d pairs kept", funnel.kept_rows, funnel.input_rows)
        yield funnel.to_json()


def checked_funnel(counts: Mapping, shards: list[dict], ledger: list[tuple[str, int]]) -> Funnel:
    """Returns the funnel, if what was counted on the way is what lies in the shards and in the ledger.

    Raises: AccountingError: it is not.
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


def software_versions() -> str:
    """Returns the versions that shape a run's bytes, in one line."""
    names = ("babelsift", "apache-beam", "pyarrow", "numpy", "opencv-python-headless", "open_clip_torch", "torch")
    known = []
    for name in names:
        try:
            known.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join([f"Python {platform.python_version()}", *known])


def _remove_stale(folder: RunFolder, shards: list[dict], ledger: list[tuple[str, int]]) -> None:
    """Removes what an earlier run left that this one did not write: fewer pairs kept, or fewer left out."""
    names = {shard_name(one["shard"]) for one in shards}
    for file in folder.list(SHARDS):
        if file != "sizes.json" and file.split(".")[0].removesuffix("_stats") not in names:
            folder.remove(f"{SHARDS}/{file}")
    for file in set(folder.list(REJECTS)) - {name for name, _ in ledger}:
        folder.remove(f"{REJECTS}/{file}")


def _samples(drawn: Mapping[str, list], recipe: Recipe) -> Iterator[Sample]:
    column = similarity_column(recipe.select.model or recipe.model_names[0]) if recipe.clip else None
    for group in sorted(drawn):
        for _, row in drawn[group]:
            yield Sample(
                stage=row.get("stage", Stage.SHARD.value),
                reason=row.get("reason"),
                uid=row["uid"] or "",
                url=row["url"] or "",
                caption=row["caption"] or "",
                language=row.get("language"),
                value=row.get("value"),
                threshold=row.get("threshold"),
                similarity=row.get(column) if column else None,
                image=None,
                image_extension=row.get("image_extension") or "jpg",
            )
