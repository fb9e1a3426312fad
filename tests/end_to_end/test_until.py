"""Runs that end after a stage, and the list of URLs that another downloader takes from there."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.cli.main import main
from babelsift.schemas import dump_recipe, recipe_from
from tests.support.small_run import PAIRS, RECIPE, babelsift, write_pairs


@pytest.fixture
def paths(tmp_path, hostile_web):
    write_pairs(hostile_web, tmp_path / "pairs.parquet")
    (tmp_path / "recipe.yaml").write_text(dump_recipe(RECIPE))
    return tmp_path


def curate(home, *options):
    given = ("--recipe", str(home / "recipe.yaml"), "--input", str(home / "pairs.parquet"))
    return babelsift("curate", *given, "--output", str(home / "out"), *options)


def rows(folder):
    return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_the_text_side_runs_alone_and_accounts_for_every_pair(paths, hostile_web):
    assert curate(paths, "--until", "dedup_pairs").code == 0
    where = paths / "out/until/dedup_pairs"
    kept, rejected = rows(where), rows(where / "rejects")
    assert sorted(row["source_row"] for row in kept + rejected) == list(range(PAIRS))
    assert [row["reason"] for row in rejected] == ["url_scheme"]
    assert {"language", "uid", "url", "caption"} <= set(kept[0])
    funnel = json.loads((where / "funnel.json").read_text())
    assert (funnel["input_rows"], funnel["kept_rows"]) == (PAIRS, PAIRS - 1)
    assert not (paths / "out/shards").exists()
    assert not (paths / "out/staging/images").exists()  # nothing was downloaded


def test_a_later_stage_and_then_the_whole_run_reuse_what_was_downloaded(paths):
    assert curate(paths, "--until", "download").code == 0
    survivors = rows(paths / "out/until/download")
    assert len(survivors) == PAIRS - 2
    staged = {path: path.stat().st_mtime_ns for path in (paths / "out/staging/images").glob("*.tar")}
    assert curate(paths).code == 0
    assert {path: path.stat().st_mtime_ns for path in (paths / "out/staging/images").glob("*.tar")} == staged
    assert rows(paths / "out/until/download") == survivors


def test_the_urls_that_passed_are_a_list_for_img2dataset(paths, capsys):
    said = babelsift("urls", str(paths / "out"))
    assert (said.code, "--until dedup_pairs" in said.error) == (2, True)
    assert curate(paths, "--until", "dedup_pairs").code == 0
    assert main(["urls", str(paths / "out")]) == 0
    assert "--input INPUT" in capsys.readouterr().out, "the pairs are the input's, not the staging folder's own"
    listed = rows(paths / "out/urls")
    kept = rows(paths / "out/until/dedup_pairs")
    assert [(row["url"], row["caption"], row["uid"]) for row in listed] == [
        (row["url"], row["caption"], row["uid"]) for row in kept
    ]


def test_what_would_surprise_is_said_at_the_terminal(tmp_path, capsys):
    captions = [f"Hund und Katze {n}" for n in range(700)] + [f"a dog and a cat on it {n}" for n in range(400)]
    urls = [f"http://example.com/{n}.jpg" for n in range(len(captions))]
    pq.write_table(pa.table({"url": urls, "caption": captions}), tmp_path / "pairs.parquet")
    recipe = recipe_from(
        {"name": "mine", "captions": {"reject_markup": True, "min_words": 3}, "language": {"keep": ["en"]}},
        source="test",
    )
    (tmp_path / "recipe.yaml").write_text(dump_recipe(recipe))
    words = ["curate", "--recipe", str(tmp_path / "recipe.yaml"), "--input", str(tmp_path / "pairs.parquet")]
    words += ["--output", str(tmp_path / "out"), "--until", "language"]
    expected = [
        "language left out 63.6 % of the 1,100 rows for language_not_kept.",
        "None of 1,100 rows was left out by captions.min_words, captions.reject_markup.",
        "700 captions of at most 5 words in plain ASCII letters were left out by their language (de 700): many of them "
        "may be names or English; look at them in rejects/.",
    ]
    assert main(words) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.removeprefix("note: ") for line in said if line.startswith("note: ")] == expected


def test_an_unknown_stage_is_one_line(paths):
    said = curate(paths, "--until", "dedup")
    assert said.code == 2
    assert "dedup_pairs" in said.log
