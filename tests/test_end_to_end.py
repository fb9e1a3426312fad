"""The main job on the demo's web, served on loopback: the run folder, its readers, repeating, interrupting, merging."""

import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import webdataset

from pipelines.curate import run
from pipelines.demo.server import serving
from pipelines.demo.truth import compare
from pipelines.demo.web import build_web, truth_table, write_table
from pipelines.recipe_presets import load_recipe
from pipelines.run_folder import RunFolder
from pipelines.why import fates_of
from schemas import Funnel, dump_recipe

PAIRS = 240


def small_recipe(**download):
    recipe = load_recipe("demo")
    shaped = recipe.download.model_copy(update={"samples_per_staging_shard": 60, **download})
    shards = recipe.shards.model_copy(update={"samples_per_shard": 50})
    return recipe.model_copy(update={"download": shaped, "shards": shards})


def product(folder):
    """Everything that must not differ between runs: bytes, and of the ledger each row's fate.

    The web may fail in another way each time (a timeout while connecting, or while waiting), so not the ledger's values.
    """
    names = [*(f"shards/{name}" for name in folder.list("shards")), "sizes.json", "recipe.yaml", "funnel.json"]
    ledger = rows_of(folder, "rejects", ["uid", "source_row", "stage", "reason"]).sort_by("source_row")
    return {name: folder.open(*name.split("/")).read() for name in names} | {"ledger": ledger.to_pylist()}


def rows_of(folder, where, columns):
    return pa.concat_tables(
        [pq.read_table(folder.path(where, name), columns=columns) for name in folder.list(where, ".parquet")]
    )


@pytest.fixture(scope="module")
def web():
    return build_web(seed=5, pairs=PAIRS)


@pytest.fixture(scope="module")
def curated(tmp_path_factory, web):
    """A finished run; while it went on, the web was served, and is no more."""
    home = tmp_path_factory.mktemp("curated")
    with serving(web) as base_url:
        write_table(web, home / "pairs.parquet", base_url)
        funnel = run(small_recipe(), [str(home / "pairs.parquet")], str(home / "out"))
        write_table(web, home / "again.parquet", base_url)
        again = run(small_recipe(), [str(home / "pairs.parquet")], str(home / "other"))
    assert again == funnel
    return SimpleNamespace(home=home, funnel=funnel, folder=RunFolder(str(home / "out")))


def test_every_row_has_exactly_one_fate(curated):
    kept = rows_of(curated.folder, "shards", ["source_row"]).column("source_row").to_pylist()
    rejected = rows_of(curated.folder, "rejects", ["source_row"]).column("source_row").to_pylist()
    assert sorted(kept + rejected) == list(range(PAIRS))
    assert curated.funnel.input_rows == PAIRS
    assert (curated.funnel.kept_rows, curated.funnel.rejected_rows) == (len(kept), len(rejected))


def test_good_pairs_are_told_from_bad(curated, web):
    kept = rows_of(curated.folder, "shards", ["source_row"])
    rejected = rows_of(curated.folder, "rejects", ["source_row", "reason"])
    table = compare(truth_table(web), kept, rejected)
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
    assert folder.read_json("manifest.json")["partitions"] == PAIRS // 60
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

    from pipelines.score_models import resolve_model

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
    folder = RunFolder(str(curated.home / "other"))
    assert sum(folder.read_json("sizes.json").values()) == funnel.kept_rows
    assert rows_of(folder, "shards", ["uid"]).num_rows == funnel.kept_rows  # shards of the longer run are gone


def test_why_tells_a_kept_and_a_rejected_pair(curated):
    kept = rows_of(curated.folder, "shards", ["uid", "url"]).to_pylist()[0]
    [line] = fates_of(str(curated.home / "out"), kept["uid"])
    assert line.startswith("kept: shards/0000000")
    rejected = rows_of(curated.folder, "rejects", ["uid", "url", "reason", "stage"]).to_pylist()[0]
    lines = "\n".join(fates_of(str(curated.home / "out"), rejected["url"]))
    assert f"left out at {rejected['stage']}: {rejected['reason']}" in lines


def test_killed_at_any_moment_the_same_command_gives_the_same_bytes(tmp_path, web):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(dump_recipe(small_recipe(timeout_s=1.0)))
    with serving(web) as base_url:
        write_table(web, tmp_path / "pairs.parquet", base_url)
        source = ["--recipe", str(recipe), "--input", str(tmp_path / "pairs.parquet")]
        command = [sys.executable, "-m", "pipelines.curate", *source, "--output", str(tmp_path / "killed")]
        for sign in (b"staging shard", b"score"):
            process = subprocess.Popen(command, stderr=subprocess.PIPE)
            for line in process.stderr:
                if sign in line:
                    os.kill(process.pid, signal.SIGKILL)
                    break
            process.wait()
            assert process.returncode == -signal.SIGKILL
        subprocess.run(command, check=True, capture_output=True)
        run(small_recipe(timeout_s=1.0), [str(tmp_path / "pairs.parquet")], str(tmp_path / "whole"))
    killed = product(RunFolder(str(tmp_path / "killed")))
    assert killed == product(RunFolder(str(tmp_path / "whole")))


def test_more_input_downloads_only_what_is_new(tmp_path, web):
    folder = RunFolder(str(tmp_path / "out"))
    with serving(web) as base_url:
        write_table(web, tmp_path / "all.parquet", base_url)
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
