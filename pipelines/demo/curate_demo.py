"""Curates the demo's web, and compares the pairs' fates with what is wrong with them."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.demo.crawl import write_warc, write_wat
from babelsift.pipelines.demo.server import serving
from babelsift.pipelines.demo.truth import compare, format_table
from babelsift.pipelines.demo.web import DemoWeb, build_web, truth_table, write_table, write_truth
from babelsift.pipelines.job.run import run
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import REJECTS
from babelsift.pipelines.run_folder.shard_layout import TRAIN
from babelsift.pipelines.run_folder.writers.lock import RunLock
from babelsift.schemas import Funnel

# A pair's uid is of its URL: with the same port, a second run finds the downloads of the first, and the same bytes.
_PORT = 48627

# The same pairs as a table, or as a crawler stores the pages that show them: name of the file, and what writes it.
SOURCES: dict[str, tuple[str, Callable[[DemoWeb, Path, str], None]]] = {
    "table": ("pairs.parquet", write_table),
    "warc": ("pages.warc.gz", write_warc),
    "wat": ("pages.warc.wat.gz", write_wat),
}


@dataclass(frozen=True)
class DemoResult:
    """What became of the demo's pairs.

    Attributes:
        funnel: of the run.
        beside_truth: a table, as text, that compares the pairs' fates with what is wrong with them.
    """

    funnel: Funnel
    beside_truth: str


def curate_demo(
    output: str, *, pairs: int, seed: int, source: str = "table", options: PipelineOptions | None = None
) -> DemoResult:
    """Serves the demo's web, curates it into a run folder, and compares the pairs' fates with the truth.

    Args:
        output: the run folder; the demo's tables lie in its folder `demo`.
        pairs: in the demo's web, >= 1.
        seed: of the demo's web.
        source: what is curated, one of SOURCES.
        options: Beam's; None: Beam's in-process runner.

    Raises:
        BabelsiftError: the run failed.
    """
    tables = Path(output) / "demo"
    logging.info("demo: drawing a web of %d pairs in many languages, with everything that is wrong with the web", pairs)
    web = build_web(seed, pairs)
    folder = RunFolder(output).check_writable()
    with serving(web, _PORT) as base_url:
        logging.info("demo: serving it at %s, and curating it into %s", base_url, output)
        with RunLock(folder):  # another demo may be reading its tables
            shutil.rmtree(tables, ignore_errors=True)
            tables.mkdir(parents=True)
            name, write = SOURCES[source]
            write(web, tables / name, base_url)
            write_truth(web, tables / "truth.parquet")
        funnel = run(load_recipe("demo"), [str(tables / name)], output, options=options)
    return DemoResult(funnel, format_table(compare(truth_table(web), *_fates(folder))))


def _fates(folder: RunFolder) -> tuple[pa.Table, pa.Table]:
    """Returns (kept, rejected) rows of a run folder."""
    return _read_all(folder, TRAIN.folder, ["source_row"]), _read_all(folder, REJECTS, ["source_row", "reason"])


def _read_all(folder: RunFolder, where: str, columns: list[str]) -> pa.Table:
    tables = [pq.read_table(folder.path(where, name), columns=columns) for name in folder.list(where, ".parquet")]
    if tables:
        return pa.concat_tables(tables)
    return pa.table({name: pa.array([], pa.int64() if name == "source_row" else pa.string()) for name in columns})
