"""The new version of the product: ledger, shards, and all that describes them, in the order that a kill may break off.

1. The manifest says that a replacement is under way, and funnel.json goes.
2. The ledger has what goes before a shard loses it, so that a pair has a fate at any moment.
3. The shards that lose something are written anew, the others are not touched.
4. Report, card and the rest follow from ledger and shards; funnel.json comes last.

What only a whole run can count (how similarities, measures and columns are spread among pairs that were left out) is
not in the report until the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.counting import add_counts, merge_domains
from babelsift.filters.uids import order_keys
from babelsift.pipelines.removal.ledger import counts_of, ledger_files, rewrite_ledger
from babelsift.pipelines.removal.shards import FinalShard, final_shards, rewrite_shard, stats_of
from babelsift.pipelines.removal.tables import read_rows
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest, write_manifest
from babelsift.pipelines.run_folder.paths import (
    CONCEPTS_FOLDER,
    DUPLICATES_FILE,
    RECIPE,
    REJECTS,
    SELECTION,
)
from babelsift.pipelines.run_folder.product import Product
from babelsift.pipelines.run_folder.replacement import ShrinkGuard, begin_replacement, with_held_product
from babelsift.pipelines.run_folder.tombstones import NO_TOMBSTONES, Tombstones
from babelsift.pipelines.stages.dedup.duplicates_table import draw_clusters
from babelsift.pipelines.stages.report.descriptions import (
    Descriptions,
    describe_downloaded,
    describe_kept,
    describe_rejected,
    summary_of,
)
from babelsift.pipelines.stages.report.draw_samples import SAMPLES_A_REASON, SAMPLES_KEPT, draw_rows, lowest_drawn
from babelsift.pipelines.stages.report.report_inputs import ReportInputs
from babelsift.pipelines.stages.report.sample_images import uids_in
from babelsift.pipelines.stages.report.write_report import write_report
from babelsift.pipelines.staging.images import TarFolder
from babelsift.pipelines.staging.img2dataset.imported_rows import TAKEN_FROM, finished_import
from babelsift.schemas import STAGE_ORDER, Recipe, RunFolderError, Stage, parse_recipe

_AFTER_DOWNLOAD = [stage.value for stage in STAGE_ORDER[STAGE_ORDER.index(Stage.DOWNLOAD) + 1 :]]


@dataclass(frozen=True)
class Account:
    """What of a product's account does not follow from its ledger and its shards.

    Attributes:
        stages: that it is by, in their order.
        source_rows: of the input; None: not known.
        timings: of the run that made it.
    """

    stages: tuple[str, ...]
    source_rows: int | None
    timings: Mapping[str, Any]


def read_recipe(folder: RunFolder) -> Recipe:
    """Returns the recipe that a product was made by."""
    return parse_recipe(folder.read(RECIPE).decode(), source=folder.path(RECIPE))


def rewrite_product(folder: RunFolder, removed: Tombstones, account: Account, *, removal: int, said: str) -> None:
    """Replaces the product by one without what was removed; again, where that was interrupted.

    Args:
        folder: locked, in the epoch of this removal.
        removed: what goes.
        account: of the product.
        removal: its number.
        said: what the report says of it.

    Raises:
        RunFolderError: a file cannot be read or written.
        AccountingError: a pair was lost or doubled.
    """
    manifest = read_manifest(folder)
    assert manifest is not None
    manifest = with_held_product(folder, manifest)
    write_manifest(folder, manifest)
    held, unfinished = manifest.product or Product(), manifest.unfinished
    gone: list[pa.Table] = []
    samples: Counter[str] = Counter()
    for shard in final_shards(folder, removed):
        stats_of(folder, shard)
        samples[shard.split.name] += shard.samples_left
        if shard.goes.any():
            gone.append(shard.gone)
    planned = replace(held, samples={name: samples[name] for name in held.samples})
    begin_replacement(folder, planned, ShrinkGuard(is_off=True))
    rewrite_ledger(folder, REJECTS, removed, gone, files=max(1, held.ledger_files), removal=removal)
    for shard in final_shards(folder, removed):
        if shard.goes.any():
            rewrite_shard(folder, shard)
    recipe = read_recipe(folder)
    inputs = _report_inputs(folder, recipe, account, said)
    facts = {name: value if isinstance(value, str) else ", ".join(value) for name, value in manifest.facts.items()}
    tars = _tars(folder, facts)
    made = _made_columns(folder, recipe)
    write_report(inputs, folder, recipe, facts, tars, made_columns=made, timings=account.timings)
    if unfinished and (manifest := read_manifest(folder)) is not None:
        write_manifest(folder, replace(manifest, unfinished=True))


def _tars(folder: RunFolder, facts: Mapping[str, str]) -> TarFolder | None:
    if (taken_from := facts.get(TAKEN_FROM)) is None:
        return None
    try:
        return finished_import(folder, taken_from).tars
    except RunFolderError:
        return None


def _report_inputs(folder: RunFolder, recipe: Recipe, account: Account, said: str) -> ReportInputs:
    shards, kept, hosts = [], list[tuple[int, dict]](), list[pa.Table]()
    languages: Counter[str] = Counter()
    urls: dict[str, str] = {}
    clusters = draw_clusters(read_rows(folder, DUPLICATES_FILE), recipe.seed) if folder.exists(DUPLICATES_FILE) else []
    wanted = pa.array(sorted(uids_in(clusters)), pa.string())
    for shard in final_shards(folder, NO_TOMBSTONES):
        stats = stats_of(folder, shard)
        shards.append({"shard": int(shard.name), "split": shard.split.name, **stats})
        languages.update(stats["languages"])
        kept = lowest_drawn([kept, _drawn(shard, recipe.seed)], SAMPLES_KEPT)
        urls |= _urls(shard.rows, wanted)
        for batch in shard.rows.to_batches():
            hosts += [part for describe in (describe_downloaded, describe_kept) for _, part in describe(batch, 1)]
    rejected: dict[str, list] = {}
    ledger: list[tuple[str, pa.Table]] = []
    for name, rows in ledger_files(folder):
        ledger.append((name, rows.select(["stage", "reason", "language"])))
        urls |= _urls(rows, wanted)
        for batch in rows.combine_chunks().to_batches():
            for group, drawn in draw_rows(batch, recipe, SAMPLES_A_REASON):
                rejected[group] = lowest_drawn([rejected.get(group, []), drawn], SAMPLES_A_REASON)
            hosts += _hosts_of_rejected(batch)
    counts = counts_of((rows for _, rows in ledger), languages, account.stages, source_rows=account.source_rows)
    summaries = [] if not hosts else [summary_of(("hosts", 0), add_counts(hosts))[1]]
    return ReportInputs(
        counts=counts,
        shards=shards,
        ledger=[(name, len(rows)) for name, rows in ledger],
        kept={"": kept},
        rejected=rejected,
        histograms={},
        columns={},
        selection=folder.read_json(SELECTION) or {"relaxed_languages": {}},
        concepts=folder.list(CONCEPTS_FOLDER),
        warnings=[[said]],
        clusters=clusters,
        cluster_urls=urls,
        descriptions=Descriptions(hosts=merge_domains(summaries) if summaries else None),
    )


def _drawn(shard: FinalShard, seed: int) -> list[tuple[int, dict[str, Any]]]:
    draws = order_keys(shard.rows.column("uid").combine_chunks(), seed)
    lowest = draws.argsort(kind="stable")[:SAMPLES_KEPT]
    records = shard.rows.take(pa.array(lowest)).to_pylist()
    return [(int(draws[row]), record) for row, record in zip(lowest, records, strict=True)]


def _urls(rows: pa.Table, wanted: pa.Array) -> dict[str, str]:
    found = rows.select(["uid", "url"]).filter(pc.is_in(rows.column("uid"), value_set=wanted))
    pairs = zip(found.column("uid").to_pylist(), found.column("url").to_pylist(), strict=True)
    return {uid: url for uid, url in pairs if url is not None}


def _hosts_of_rejected(batch: pa.RecordBatch) -> Iterator[pa.Table]:
    later = pc.and_(
        pc.is_in(batch.column("stage"), value_set=pa.array(_AFTER_DOWNLOAD)), batch.column("url").is_valid()
    )
    for _, part in describe_downloaded(batch.filter(later), 1):
        yield part
    for (kind, _), part in describe_rejected(batch, 1):
        if kind == "hosts":
            yield part


def _made_columns(folder: RunFolder, recipe: Recipe) -> pa.Schema:
    """Returns the columns of shards that the recipe's columns made: of their names, or such as begin with one."""
    for shard in final_shards(folder, NO_TOMBSTONES):
        names: Sequence[str] = [column.name for column in recipe.made_columns]
        return pa.schema([field for field in shard.rows.schema if _is_of(field.name, names)])
    return pa.schema([])


def _is_of(name: str, columns: Iterable[str]) -> bool:
    return any(name == column or name.startswith(f"{column}_") for column in columns)
