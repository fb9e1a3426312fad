"""A run that replaces a finished product is killed at many moments: each time the same command ends at the same bytes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.schemas.recipe import CaptionRules, ShardSettings
from tests.support.small_run import RECIPE, babelsift, product, write_pairs, write_recipe

ROOT = Path(__file__).parents[2]
MOMENTS = 14
# Has imported all and run nothing, so that what is forked from it is a run of its own. Of each moment: is it killed, and
# what says the manifest then?
KILLER = """
import json, shutil, sys
from pathlib import Path
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from tests.support.killed import kill_at
from tests.support.small_run import babelsift, product

before, out, step, command = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]

def work():
    said = babelsift(*command)
    assert said.code == 0, said.log

operation, is_killed = 0, True
while is_killed:
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(before, out)
    is_killed = kill_at(operation, work)
    manifest = read_manifest(RunFolder(out))
    status = babelsift("status", out).code
    kill_at(10**9, work)  # the same command, to its end
    shutil.copytree(out, f"{out}-{operation}")
    print(json.dumps([operation, is_killed, manifest.replacement is not None, status]), flush=True)
    operation += step
"""


@pytest.mark.slow
def test_killed_while_a_product_is_replaced(hostile_web, tmp_path):
    write_pairs(hostile_web, tmp_path / "pairs.parquet", 12)
    first = write_recipe(tmp_path / "first.yaml")
    shards, captions = ShardSettings(samples_per_shard=3), CaptionRules(min_characters=24)  # the first nine are shorter
    second = write_recipe(
        tmp_path / "second.yaml", RECIPE.model_copy(update={"name": "second", "shards": shards, "captions": captions})
    )
    source = ["--input", str(tmp_path / "pairs.parquet"), "--allow-shrink", "--output"]
    assert babelsift("curate", "--recipe", first, *source, str(tmp_path / "before")).code == 0
    command = ["curate", "--recipe", second, *source, str(tmp_path / "out")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        moments = run_killed(str(tmp_path / "before"), str(tmp_path / "out"), command)
    assert [is_killed for _, is_killed, _, _ in moments] == [True] * (len(moments) - 1) + [False]
    assert len(moments) > MOMENTS / 2
    assert any(is_under_way for _, _, is_under_way, _ in moments), "none was killed while it replaced the product"
    assert {status for *_, status in moments} == {0}
    expected = product(str(tmp_path / f"out-{moments[-1][0]}"))
    for operation, *_ in moments:
        folder = tmp_path / f"out-{operation}"
        assert product(str(folder)) == expected, operation
        manifest = read_manifest(RunFolder(str(folder)))
        assert (manifest.replacement, manifest.unfinished) == (None, False)


def run_killed(before, out, command):
    """Returns [operation, is it killed there, was a replacement under way then, exit status of `status`] of each."""
    run = [sys.executable, "-c", KILLER, before, out, "9", *command]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
