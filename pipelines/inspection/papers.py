"""The papers of a finished run, for those who publish what they train on: made from the run's own figures."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.filters.urls import registered_domains
from babelsift.pipelines.fetch.client import user_agent
from babelsift.pipelines.inspection.finished import FinishedRun
from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.training_summary import (
    Crawl,
    Domain,
    KeptContent,
    render_training_summary,
    top_domains,
)
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.pipelines.run_folder.paths import PARQUET
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.pipelines.staging.img2dataset.imported_rows import TAKEN_FROM
from babelsift.pipelines.staging.shards import StagingListing, read_shard
from babelsift.schemas import Recipe

SUMMARY, DOMAINS = "training_summary.md", "domains.csv"
_LICENCE = "license"


def write_papers(run: FinishedRun, to: RunFolder, *, is_small_provider: bool = False) -> list[str]:
    """Writes the summary of training content and the table of its domains; returns their paths.

    Args:
        run: a finished run.
        to: the folder to write to, any fsspec URL.
        is_small_provider: names as few domains as the template lets an SME.

    Raises:
        RecipeError: the run's recipe cannot be read.
        RunFolderError: the folder cannot be written.
    """
    manifest = read_manifest(run.folder)
    facts = {} if manifest is None else dict(manifest.facts)
    data = ReportData(run.recipe, run.funnel, facts=facts)
    kept = _kept_content(run.folder)
    top = top_domains(kept.domains, is_small_provider=is_small_provider)
    crawl = _crawl(run.folder, run.recipe, is_imported=TAKEN_FROM in facts)
    to.write(DOMAINS, _domain_table(top).encode())
    to.write(SUMMARY, render_training_summary(data, kept, crawl, top).encode())
    return [to.path(SUMMARY), to.path(DOMAINS)]


def _kept_content(folder: RunFolder) -> KeptContent:
    images: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    texts = text_bytes = 0
    for rows in _kept_rows(folder):
        texts += len(rows)
        text_bytes += pc.sum(pc.binary_length(rows.column("caption"))).as_py() or 0
        keys = rows.column("key").to_numpy(zero_copy_only=False)
        of_images = rows.filter(pa.array(np.r_[True, keys[1:] != keys[:-1]]))  # a sample's texts follow each other
        domains = registered_domains(of_images.column("url").combine_chunks()).to_pylist()
        bytes_served = of_images.column("original_bytes").to_pylist()
        for domain, size in zip(domains, bytes_served, strict=True):
            images[domain or ""] += 1
            sizes[domain or ""] += size or 0
        if _LICENCE in rows.column_names:
            licences.update(of_images.column(_LICENCE).drop_null().to_pylist())
    ranked = sorted(images, key=lambda name: (-sizes[name], name))
    domains = [Domain(name, images[name], sizes[name]) for name in ranked if name]
    return KeptContent(sum(images.values()), texts, text_bytes, domains, dict(licences.most_common()))


def _kept_rows(folder: RunFolder) -> Iterator[pa.Table]:
    for split in SPLITS.values():
        for name in folder.list(split.folder, PARQUET):
            with folder.open(split.folder, name) as file:
                shard = pq.ParquetFile(file)
                wanted = ["key", "url", "caption", "original_bytes", _LICENCE]
                yield shard.read(columns=[column for column in wanted if column in shard.schema_arrow.names])


def _crawl(folder: RunFolder, recipe: Recipe, *, is_imported: bool) -> Crawl:
    """Who fetched the images, and when the shards of staging say that it was."""
    marks = [read_shard(folder, *listed).stats or {} for listed in sorted(StagingListing(folder).numbers.items())]
    first = min((mark["start_time"] for mark in marks if mark.get("start_time")), default=None)
    last = max((mark["end_time"] for mark in marks if mark.get("end_time")), default=None)
    return Crawl(None if is_imported else user_agent(recipe.download), first, last)


def _domain_table(domains: Sequence[Domain]) -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["domain", "images", "bytes"])
    writer.writerows([domain.name, domain.images, domain.size] for domain in domains)
    return table.getvalue()
