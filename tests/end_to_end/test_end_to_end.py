"""The main job on the demo's web, served on loopback: the run folder, its readers, repeating, interrupting, merging."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import webdataset

from babelsift.pipelines.cli.main import main
from babelsift.pipelines.demo.server import serving
from babelsift.pipelines.demo.truth import compare
from babelsift.pipelines.demo.web import build_web, truth_table, write_table
from babelsift.pipelines.inspection.why import fates_of
from babelsift.pipelines.job.run import run
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.rendering.number_format import clipped
from babelsift.pipelines.replay.compare import format_comparison
from babelsift.pipelines.replay.dry_run import dry_run
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import Funnel, RunFolderError, dump_recipe
from tests.support.answering_web import answering_pairs, patient
from tests.support.small_run import without_times

pytestmark = pytest.mark.xdist_group("end_to_end")  # its tests share what a fixture makes

WEB = build_web(seed=5, pairs=240)
TABLE = answering_pairs(WEB)
PAIRS = len(TABLE.pairs)


def small_recipe():
    recipe = patient(load_recipe("demo"))
    shaped = recipe.download.model_copy(update={"samples_per_staging_shard": 60})
    shards = recipe.shards.model_copy(update={"samples_per_shard": 50})
    return recipe.model_copy(update={"download": shaped, "shards": shards})


def product(folder):
    """Everything that must not differ between runs: bytes, and of the ledger each row's fate."""
    names = [*(f"shards/{name}" for name in folder.list("shards")), "sizes.json", "recipe.yaml", "funnel.json"]
    ledger = rows_of(folder, "rejects", ["uid", "source_row", "stage", "reason"]).sort_by("source_row")
    return {name: without_times(name, folder.read(name)) for name in names} | {"ledger": ledger.to_pylist()}


def rows_of(folder, where, columns):
    return pa.concat_tables(
        [pq.read_table(folder.path(where, name), columns=columns) for name in folder.list(where, ".parquet")]
    )


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    """A finished run; while it went on, the web was served, and is no more."""
    home = tmp_path_factory.mktemp("curated")
    with serving(WEB) as base_url:
        write_table(TABLE, home / "pairs.parquet", base_url)
        funnel = run(small_recipe(), [str(home / "pairs.parquet")], str(home / "out"))
        write_table(TABLE, home / "again.parquet", base_url)
        again = run(small_recipe(), [str(home / "pairs.parquet")], str(home / "other"))
    assert again == funnel
    return SimpleNamespace(home=home, funnel=funnel, folder=RunFolder(str(home / "out")))


def test_every_row_has_exactly_one_fate(curated):
    kept = rows_of(curated.folder, "shards", ["source_row"]).column("source_row").to_pylist()
    rejected = rows_of(curated.folder, "rejects", ["source_row"]).column("source_row").to_pylist()
    assert sorted(kept + rejected) == list(range(PAIRS))
    assert curated.funnel.input_rows == PAIRS
    assert (curated.funnel.kept_rows, curated.funnel.rejected_rows) == (len(kept), len(rejected))


def test_good_pairs_are_told_from_bad(curated):
    kept = rows_of(curated.folder, "shards", ["source_row"])
    rejected = rows_of(curated.folder, "rejects", ["source_row", "reason"])
    table = compare(truth_table(TABLE), kept, rejected)
    assert table.precision > 0.9
    assert table.recall > 0.9


def test_the_run_folder_is_as_designed(curated):
    folder = curated.folder
    assert folder.list("shards")[:3] == ["00000000.parquet", "00000000.tar", "00000000_stats.json"]
    sizes = folder.read_json("sizes.json")
    assert list(sizes) == folder.list("shards", ".tar")
    assert set(list(sizes.values())[:-1]) == {50}
    assert sum(sizes.values()) == curated.funnel.kept_rows
    assert Funnel.from_json(folder.read_json("funnel.json")) == curated.funnel
    assert folder.open("recipe.yaml").read().decode() == dump_recipe(small_recipe())
    assert folder.read_json("manifest.json")["partitions"] == -(-PAIRS // 60)
    assert b"<html" in folder.open("report", "index.html").read()
    assert folder.open("README.md").read().startswith(b"---\n")


def test_webdataset_reads_image_text_and_json(curated):
    seen = set()
    for tar in curated.folder.list("shards", ".tar"):
        for sample in webdataset.WebDataset(curated.folder.path("shards", tar), shardshuffle=False).decode("rgb8"):
            row = sample["json"]
            assert sample["jpg"].shape == (row["height"], row["width"], 3)
            assert sample["txt"] == row["caption"]
            assert {"uid", "url", "language", "similarity_babelsift_demo", "page_rank"} <= set(row)
            seen.add(row["uid"])
    assert len(seen) == curated.funnel.kept_rows


def test_open_clips_own_loader_reads_the_shards(curated):
    import open_clip
    from open_clip_train.data import get_wds_dataset

    from babelsift.pipelines.stages.score.models import resolve_model

    model = resolve_model("babelsift-demo")
    _, _, preprocess = open_clip.create_model_and_transforms(model, load_weights=False)
    last = len(curated.folder.list("shards", ".tar")) - 1
    settings = SimpleNamespace(
        train_data=curated.folder.path("shards", f"{{00000000..{last:08d}}}.tar"),
        train_num_samples=None,  # as in training: the number of samples is read from sizes.json
        train_data_upsampling_factors=None,
        dataset_resampled=False,
        batch_size=16,
        workers=1,
        world_size=1,
        seed=0,
    )
    data = get_wds_dataset(settings, preprocess, is_train=True, tokenizer=open_clip.get_tokenizer(model))
    images, texts = next(iter(data.dataloader))
    assert images.shape[0] == texts.shape[0] == 16
    assert data.dataloader.num_samples >= curated.funnel.kept_rows


def test_two_runs_give_the_same_bytes(curated):
    assert product(RunFolder(str(curated.home / "other"))) == product(curated.folder)


def test_a_second_run_pays_for_no_download_and_no_score_again(curated):
    before = product(curated.folder)
    modified = {
        name: curated.folder.fs.modified(curated.folder.path("staging/images", name))
        for name in curated.folder.list("staging/images")
    }
    # The web is gone: whatever was asked for again would come out as a connection failure.
    funnel = run(small_recipe(), [str(curated.home / "pairs.parquet")], str(curated.home / "out"))
    assert funnel == curated.funnel
    assert product(curated.folder) == before
    assert modified == {
        name: curated.folder.fs.modified(curated.folder.path("staging/images", name)) for name in modified
    }


def test_a_changed_threshold_works_on_what_is_there_already(curated):
    strict = small_recipe()
    strict = strict.model_copy(update={"select": strict.select.model_copy(update={"top_fraction": 0.5})})
    funnel = run(strict, [str(curated.home / "pairs.parquet")], str(curated.home / "other"))
    assert 0 < funnel.kept_rows < curated.funnel.kept_rows
    assert dry_run(strict, str(curated.home / "out")).funnel == funnel  # foreseen on the other run's folder
    folder = RunFolder(str(curated.home / "other"))
    assert sum(folder.read_json("sizes.json").values()) == funnel.kept_rows
    assert rows_of(folder, "shards", ["uid"]).num_rows == funnel.kept_rows  # shards of the longer run are gone


def test_a_dry_run_gives_the_runs_own_funnel_and_writes_nothing(curated):
    before = {path: info["mtime"] for path, info in curated.folder.fs.find(curated.folder.path(), detail=True).items()}
    found = dry_run(small_recipe(), str(curated.home / "out"))
    assert (found.funnel, found.not_stored) == (curated.funnel, {})
    given = dry_run(small_recipe(), str(curated.home / "out"), [str(curated.home / "pairs.parquet")])
    assert given.funnel == curated.funnel
    after = {path: info["mtime"] for path, info in curated.folder.fs.find(curated.folder.path(), detail=True).items()}
    assert after == before


def test_two_recipes_are_compared_by_language_with_samples(curated, tmp_path, capsys):
    one, other = small_recipe(), small_recipe()
    one = one.model_copy(update={"language": one.language.model_copy(update={"keep": ("en", "de")})})
    other = other.model_copy(update={"select": other.select.model_copy(update={"min_similarity": 0.75})})
    for name, recipe in (("one", one), ("other", other)):
        (tmp_path / f"{name}.yaml").write_text(dump_recipe(recipe.model_copy(update={"name": name})))
    files = ["--recipe", str(tmp_path / "one.yaml"), "--recipe", str(tmp_path / "other.yaml")]
    assert main(["compare", str(curated.home / "out"), *files, "--samples", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    kept = rows_of(curated.folder, "shards", ["language", "similarity_babelsift_demo"]).to_pylist()
    by_one = [row["language"] in ("en", "de") for row in kept]
    by_other = [row["similarity_babelsift_demo"] >= 0.75 for row in kept]
    assert found["kept"] == [sum(by_one), sum(by_other)]
    assert found["both"] == sum(a and b for a, b in zip(by_one, by_other, strict=True))
    assert found["only"][0] == found["kept"][0] - found["both"]
    assert sum(counts["both"] for counts in found["languages"].values()) == found["both"]
    assert found["reasons"][0] == {"language_not_kept": found["only"][1]}
    assert found["reasons"][1] == {"similarity_too_low": found["only"][0]}
    assert len(found["samples"][0]) == 3
    assert {sample["language"] for sample in found["samples"][0]}.isdisjoint({"en", "de"})
    text = format_comparison(found)
    assert f"one leaves out {found['only'][1]} pairs that other keeps:" in text
    assert repr(clipped(found["samples"][0][0]["caption"], 90)) in text


def test_why_tells_of_each_row_that_was_the_pair(curated):
    kept = rows_of(curated.folder, "shards", ["uid"]).column("uid").to_pylist()
    rejected = rows_of(curated.folder, "rejects", ["uid", "url", "reason", "stage"]).to_pylist()
    by_uid = {row["uid"]: row for row in rejected}
    [line] = fates_of(str(curated.home / "out"), next(uid for uid in kept if uid not in by_uid))
    assert line.startswith("kept: shards/0000000")
    repeated = next(uid for uid in kept if uid in by_uid)
    here, *others = fates_of(str(curated.home / "out"), repeated)
    assert here.startswith("kept: shards/0000000")
    assert len(others) == [row["uid"] for row in rejected].count(repeated)
    assert others[0].startswith(f"left out at {by_uid[repeated]['stage']}: {by_uid[repeated]['reason']}")
    lines = "\n".join(fates_of(str(curated.home / "out"), rejected[0]["url"]))
    assert f"left out at {rejected[0]['stage']}: {rejected[0]['reason']}" in lines


def flip_a_bit_of_each_image(folder):
    """In the middle of every image of the first staging tar; returns the tar's name."""
    tar = folder.list("staging/images", ".tar")[0]
    content = bytearray(folder.open("staging/images", tar).read())
    rows = pq.read_table(folder.path("staging/images", tar.replace(".tar", ".parquet"))).to_pylist()
    for row in rows:
        if row["status"] == "success":
            content[row["image_offset"] + row["image_size"] // 2] ^= 8
    folder.fs.pipe_file(folder.path("staging/images", tar), bytes(content))
    return tar


@pytest.mark.slow
def test_killed_or_damaged_at_any_moment_the_same_command_gives_the_same_bytes(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(dump_recipe(small_recipe()))
    with serving(WEB) as base_url:
        write_table(TABLE, tmp_path / "pairs.parquet", base_url)
        source = ["--recipe", str(recipe), "--input", str(tmp_path / "pairs.parquet")]
        command = [sys.executable, "-m", "babelsift", "curate", *source, "--output", str(tmp_path / "killed")]
        for sign in (b"staging shard", b"score", b"shard: shards/"):
            process = subprocess.Popen(command, stderr=subprocess.PIPE)
            for line in process.stderr:
                if sign in line:
                    os.kill(process.pid, signal.SIGKILL)
                    break
            process.wait()
            assert process.returncode == -signal.SIGKILL
        subprocess.run(command, check=True, capture_output=True)
        again = partial(run, small_recipe(), [str(tmp_path / "pairs.parquet")], str(tmp_path / "whole"))
        again()
        killed, whole = RunFolder(str(tmp_path / "killed")), RunFolder(str(tmp_path / "whole"))
        expected = product(whole)
        damaged = flip_a_bit_of_each_image(whole)
        others = {
            name: whole.fs.modified(whole.path("staging/images", name)) for name in whole.list("staging/images")[3:]
        }
        whole.fs.rm(whole.path("shards"), recursive=True)
        with pytest.raises(RunFolderError, match=rf"{damaged} is damaged: .* run again: the pairs of this shard alone"):
            again()
        again()
    assert product(killed) == expected
    assert product(whole) == expected
    assert others == {name: whole.fs.modified(whole.path("staging/images", name)) for name in others}
    staged = rows_of(killed, "staging/images", ["uid"]).column("uid").to_pylist()
    [model] = killed.list("staging/scores")
    scored = rows_of(killed, f"staging/scores/{model}/metadata", ["uid"]).column("uid").to_pylist()
    assert (len(staged), len(scored)) == (len(set(staged)), len(set(scored))), "nothing was paid for twice"


@pytest.mark.slow
def test_more_input_downloads_only_what_is_new(tmp_path):
    folder = RunFolder(str(tmp_path / "out"))
    with serving(WEB) as base_url:
        write_table(TABLE, tmp_path / "all.parquet", base_url)
        pairs = pq.read_table(tmp_path / "all.parquet")
        pq.write_table(pairs.slice(0, 120), tmp_path / "part.parquet")
        run(small_recipe(), [str(tmp_path / "part.parquet")], folder.url)
        first = set(folder.list("staging/images", ".tar"))
        pq.write_table(pairs.slice(120), tmp_path / "part2.parquet")
        funnel = run(small_recipe(), [str(tmp_path / "part*.parquet")], folder.url)
    assert first < set(folder.list("staging/images", ".tar"))
    staged = rows_of(folder, "staging/images", ["uid"]).column("uid")
    assert len(staged) == len(pc.unique(staged))
    assert funnel.input_rows == PAIRS


def test_json_members_hold_what_the_parquet_does(curated):
    tar = curated.folder.list("shards", ".tar")[0]
    rows = pq.read_table(curated.folder.path("shards", tar.replace(".tar", ".parquet"))).to_pylist()
    samples = list(webdataset.WebDataset(curated.folder.path("shards", tar), shardshuffle=False))
    for row, sample in zip(rows, samples, strict=True):
        found = json.loads(sample["json"])
        assert (found["key"], found["uid"], found["sha256"]) == (row["key"], row["uid"], row["sha256"])
        assert found["similarity_babelsift_demo"] == pytest.approx(row["similarity_babelsift_demo"], abs=1e-6)
