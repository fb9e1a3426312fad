"""A run that is killed while it downloads: its children end, and the server counts what is asked for twice."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.job.run import run
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import Recipe, dump_recipe
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import LOOPBACK_ONLY, answer, encoded, photo

PAIRS = 120
RECIPE = Recipe(
    name="killed",
    download=DownloadSettings(
        image_size=32,
        timeout_s=60.0,
        total_timeout_s=60.0,
        thread_count=4,
        **LOOPBACK_ONLY,
        samples_per_staging_shard=15,
    ),
)


def staged_urls(folder):
    """Of every committed staging shard, its URLs."""
    names = [name.replace("_stats.json", ".parquet") for name in folder.list("staging/images", "_stats.json")]
    tables = [pq.read_table(folder.path("staging/images", name), columns=["url"]) for name in names]
    return [url for table in tables for url in table.column("url").to_pylist()]


def children_of(pid):
    """The processes that fetch and decode, where the system says which they are."""
    lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for children in lists for child in children]


@pytest.mark.slow
def test_finished_shards_are_kept_half_written_ones_redone_and_nothing_is_doubled(tmp_path, hostile_web):
    is_frozen, is_stuck = threading.Event(), threading.Event()
    bodies = {f"/{n}.jpg": encoded(photo(n, (48, 40))) for n in range(PAIRS)}

    async def handler(request):
        if is_frozen.is_set():
            is_stuck.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)
        await answer(bodies[request.path])(request)

    hostile_web.on_any(handler)
    table = {
        "url": [hostile_web.url(path) for path in bodies],
        "caption": [f"a photo of thing {n}" for n in range(PAIRS)],
    }
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    (tmp_path / "recipe.yaml").write_text(dump_recipe(RECIPE))
    source = ["--recipe", str(tmp_path / "recipe.yaml"), "--input", str(tmp_path / "pairs.parquet")]
    command = [sys.executable, "-m", "babelsift", "curate", *source, "--output", str(tmp_path / "killed")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        next(line for line in process.stderr if b"staging shard" in line)
        is_frozen.set()  # what is under way now can never finish
        is_stuck.wait()
        for child in children_of(process.pid):
            os.kill(child, signal.SIGSTOP)  # so that it cannot see that it is alone
        os.kill(process.pid, signal.SIGKILL)
        process.stderr.read()  # to its end: all that could write to it are gone
    assert process.returncode == -signal.SIGKILL

    killed = RunFolder(str(tmp_path / "killed"))
    finished = set(staged_urls(killed))
    before = {
        name: killed.open("staging", "images", name).read() for name in killed.list("staging/images", "_stats.json")
    }
    asked_before = dict(hostile_web.requests)
    assert 0 < len(finished) < PAIRS
    assert max(asked_before.values()) == 1

    is_frozen.clear()
    funnel = run(RECIPE, [str(tmp_path / "pairs.parquet")], killed.url)
    asked = {path: count - asked_before.get(path, 0) for path, count in hostile_web.requests.items()}
    assert {path for path, count in asked.items() if count} == {
        path for path in bodies if hostile_web.url(path) not in finished
    }
    assert max(asked.values()) == 1
    for name, content in before.items():
        assert killed.open("staging", "images", name).read() == content
    staged = staged_urls(killed)
    assert len(staged) == len(set(staged)) == PAIRS
    assert not [name for name in os.listdir(killed.path("staging", "images")) if name.startswith(".")]
    shards = [killed.path("shards", name) for name in killed.list("shards", ".parquet")]
    kept = pa.concat_tables([pq.read_table(path, columns=["uid"]) for path in shards]).column("uid")
    assert len(kept) == len(pc.unique(kept)) == funnel.kept_rows
    assert funnel.input_rows == PAIRS == funnel.kept_rows + funnel.rejected_rows
