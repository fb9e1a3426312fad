"""A process that is killed while it makes a column: what it stored is not made again, and all ends up the same bytes."""

import signal
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.columns.early_conditions import place_conditions
from babelsift.pipelines.stages.columns.resolved import resolve
from babelsift.pipelines.stages.columns.text_columns import TextColumns
from babelsift.schemas import recipe_from

CALLS_BEFORE_THE_END, CAPTIONS = 20, 6000
MODULE = """
import os
import signal
import time

SAID, KILL = {said!r}, {kill!r}


def length(texts):
    texts = texts.to_pylist()
    if os.path.exists(KILL):
        victim, calls = map(int, open(KILL).read().split())
        if calls == 0:
            os.kill(victim, signal.SIGKILL)
            time.sleep(600)
        with open(KILL, "w") as kill:
            kill.write(f"{{victim}} {{calls - 1}}")
    with open(SAID, "a") as said:
        said.writelines(f"{{text}}\\n" for text in texts)
    return [len(text) for text in texts]
"""
# The stage on the rows of a file, in a process of its own that names itself to the function.
MAKE = """
import os
import sys

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

sys.path[:0] = {path!r}
from tests.pipelines.stages.columns.test_killed import CALLS_BEFORE_THE_END, stage

open({kill!r}, "w").write(f"{{os.getpid()}} {{CALLS_BEFORE_THE_END}}")
batches = pq.read_table({rows!r}).to_batches()
with beam.Pipeline(runner=FnApiRunner()) as pipeline:
    pipeline | beam.Create(batches).with_output_types(pa.RecordBatch) | stage({out!r})
"""


def stage(out):
    column = {"name": "length", "of": "caption", "by": "call", "call": "mortal_columns:length", "gives": "integer"}
    recipe = recipe_from({"name": "mine", "columns": column}, source="test")
    columns = resolve(recipe.made_columns)
    return TextColumns(RunFolder(str(out)), columns, place_conditions(recipe, columns), partitions=3)


def files_of(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.*")}


@pytest.mark.slow
def test_what_was_stored_before_a_kill_is_not_made_again(run_stage, language_rows, tmp_path, monkeypatch):
    said, kill, out = tmp_path / "said.txt", tmp_path / "kill.txt", tmp_path / "out"
    (tmp_path / "mortal_columns.py").write_text(MODULE.format(said=str(said), kill=str(kill)))
    monkeypatch.syspath_prepend(str(tmp_path))
    captions = [f"caption {number}" for number in range(CAPTIONS)]
    rows = language_rows(len(captions), caption=captions)
    pq.write_table(pa.Table.from_batches([rows]), tmp_path / "rows.parquet")
    script = MAKE.format(
        path=[str(tmp_path), *sys.path], kill=str(kill), rows=str(tmp_path / "rows.parquet"), out=str(out)
    )
    # Whole partitions are stored in any case, parts of them where a call takes long.
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    kill.unlink()
    stored = sum(pq.read_table(path).num_rows for path in out.glob("staging/columns/length-*/values_*.parquet"))
    before = len(said.read_text().splitlines())
    assert 0 < stored <= before < len(captions)

    kept = run_stage(stage(out), [rows]).kept
    assert {(row["caption"], row["length"]) for row in kept} == {(caption, len(caption)) for caption in captions}
    again = len(said.read_text().splitlines()) - before
    assert again == len(captions) - stored

    run_stage(stage(tmp_path / "undisturbed"), [rows])
    assert files_of(out) == files_of(tmp_path / "undisturbed")
