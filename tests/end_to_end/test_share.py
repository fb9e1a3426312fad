"""Shares of the staging partitions, staged by processes that know nothing of each other, and the run that finds all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.cli.main import main
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import STATS
from babelsift.pipelines.staging.layout import STAGING
from tests.support.small_run import babelsift, product, write_pairs, write_recipe

SHARES = 3
SCRIPT = Path(__file__).parents[2] / "deploy" / "slurm" / "run.sh"


@pytest.fixture
def words(tmp_path, hostile_web):
    """The words of a command, but for its folder."""
    write_pairs(hostile_web, tmp_path / "pairs.parquet")
    return ["curate", "--recipe", write_recipe(tmp_path / "r.yaml"), "--input", str(tmp_path / "pairs.parquet")]


def staged(out):
    return [name for name in RunFolder(str(out)).list(STAGING) if name.endswith(STATS)]


def test_shares_stage_all_and_the_run_finds_it(tmp_path, words, hostile_web):
    assert babelsift(*words, "--output", str(tmp_path / "whole")).code == 0
    asked = dict(hostile_web.requests)
    assert set(asked.values()) == {1}
    command = [*words, "--output", str(tmp_path / "out")]
    assert babelsift(*command, "--until", "dedup_pairs").code == 0
    counts = [0]
    for share in range(SHARES):
        assert babelsift(*command, "--share", f"{share}/{SHARES}").code == 0
        counts.append(len(staged(tmp_path / "out")))
    assert counts == sorted(set(counts))  # each staged something
    assert dict(hostile_web.requests) == dict.fromkeys(asked, 2)
    assert babelsift(*command).code == 0
    assert dict(hostile_web.requests) == dict.fromkeys(asked, 2)  # nothing is asked for again
    of_until = {path for path in product(str(tmp_path / "out")) if path.startswith("until/")}
    whole, shared = product(str(tmp_path / "whole")), product(str(tmp_path / "out"))
    assert {path for path in whole if whole[path] != shared.get(path)} == set()
    assert set(shared) - set(whole) == of_until


def test_a_share_is_refused_once_a_later_run_has_begun_or_before_any_has(tmp_path, words):
    command = [*words, "--output", str(tmp_path / "out")]
    assert "no run has made the folder" in babelsift(*command, "--share", "0/2").error
    assert babelsift(*command, "--until", "dedup_pairs").code == 0
    other = babelsift(*command, "--share", "0/2", "--set", "captions.min_words=2")
    assert "was made with other settings of rules" in other.error


def test_a_share_takes_the_pairs_that_the_first_run_left_and_says_so_as_json(tmp_path, words, hostile_web, capsys):
    command, where = [*words, "--output", str(tmp_path / "out")], tmp_path / "out/until/dedup_pairs"
    assert babelsift(*command, "--until", "dedup_pairs").code == 0
    tables = {path: pq.read_table(path) for path in where.glob("*.parquet")}
    path, left_out = next((path, table.slice(0, 1)) for path, table in tables.items() if len(table))
    pq.write_table(tables[path].slice(1), path)
    assert main([*command, "--share", "0/1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"staged": "0/1"}
    wanted = [url for table in tables.values() for url in table.column("url").to_pylist()]
    asked = {hostile_web.url(path) for path in hostile_web.requests}
    assert set(wanted) - asked == set(left_out.column("url").to_pylist())
    (where / "funnel.json").unlink()
    assert "no run has decided which pairs the shares want" in babelsift(*command, "--share", "0/1").error


@pytest.mark.parametrize("word", ["2/2", "1", "a/b", "-1/2", "1/0"])
def test_a_share_that_is_none_is_one_line(tmp_path, words, word):
    assert f"--share {word}: is not K/N" in babelsift(*words, "--output", str(tmp_path), f"--share={word}").error


@pytest.mark.slow
def test_shares_are_staged_at_once_by_processes(tmp_path, words, hostile_web):
    command = [*words, "--output", str(tmp_path / "out")]
    assert babelsift(*command, "--until", "dedup_pairs").code == 0
    program = [sys.executable, "-m", "babelsift", *command]
    processes = [subprocess.Popen([*program, "--share", f"{share}/{SHARES}"]) for share in range(SHARES)]
    assert [process.wait() for process in processes] == [0] * SHARES
    assert babelsift(*command).code == 0
    assert set(hostile_web.requests.values()) == {1}


@pytest.mark.slow
def test_the_script_for_slurm_does_the_same_with_processes_of_this_machine(tmp_path, words, hostile_web):
    recipe, pairs, out = words[2], words[4], tmp_path / "out"
    program = Path(sys.executable).parent
    environment = os.environ | {"BABELSIFT_PROCESSES": "2", "PATH": f"{program}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("SLURM_JOB_ID", None)
    subprocess.run([SCRIPT, recipe, pairs, str(out)], check=True, env=environment)
    assert set(hostile_web.requests.values()) == {1}
    assert babelsift(*words, "--output", str(tmp_path / "whole")).code == 0
    whole, shared = product(str(tmp_path / "whole")), product(str(out))
    assert {path for path in whole if whole[path] != shared.get(path)} == set()
