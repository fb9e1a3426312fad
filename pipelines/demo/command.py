"""`babelsift demo`: the main job on a web drawn for the purpose, and how well it told good pairs from bad."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.demo.server import serving
from babelsift.pipelines.demo.truth import compare, format_table
from babelsift.pipelines.demo.web import build_web, truth_table, write_table, write_truth
from babelsift.pipelines.job.run import run
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.rendering import format_funnel
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.lock import RunLock
from babelsift.pipelines.stages.report.ledger import REJECTS
from babelsift.pipelines.stages.shard.shard_writer import SHARDS

# A pair's uid is of its URL: with the same port, a second run finds the downloads of the first, and the same bytes.
_PORT = 48627


def run_demo(output: str, *, pairs: int, seed: int, options: PipelineOptions | None = None) -> int:
    """Serves the demo web, curates it into `output`, prints the funnel beside the truth; returns the exit code.

    Raises: BabelsiftError: the run failed. The demo's tables lie in `output`/demo.
    """
    started = time.monotonic()
    tables = Path(output) / "demo"
    print(f"demo: drawing a web of {pairs} pairs in many languages, with everything that is wrong with the web")
    web = build_web(seed, pairs)
    folder = RunFolder(output).check_writable()
    with serving(web, _PORT) as base_url:
        print(f"demo: serving it at {base_url}, and curating it into {output}")
        with RunLock(folder):  # another demo may be reading its tables
            shutil.rmtree(tables, ignore_errors=True)
            tables.mkdir(parents=True)
            write_table(web, tables / "pairs.parquet", base_url)
            write_truth(web, tables / "truth.parquet")
        funnel = run(load_recipe("demo"), [str(tables / "pairs.parquet")], output, options=options)
    print(f"\nWhat became of the pairs\n\n{format_funnel(funnel)}")
    print(f"\nBeside the truth\n\n{format_table(compare(truth_table(web), *_fates(folder)))}")
    print(
        f"\n{pairs} pairs in {time.monotonic() - started:.0f} s. The scores are a demo model's, good for the demo only."
    )
    print(f"Open the report: {output}/report/index.html")
    return 0


def _fates(folder: RunFolder) -> tuple[pa.Table, pa.Table]:
    """Returns (kept, rejected) rows of a run folder."""
    return _read_all(folder, SHARDS, ["source_row"]), _read_all(folder, REJECTS, ["source_row", "reason"])


def _read_all(folder: RunFolder, where: str, columns: list[str]) -> pa.Table:
    tables = [pq.read_table(folder.path(where, name), columns=columns) for name in folder.list(where, ".parquet")]
    if tables:
        return pa.concat_tables(tables)
    return pa.table({name: pa.array([], pa.int64() if name == "source_row" else pa.string()) for name in columns})
