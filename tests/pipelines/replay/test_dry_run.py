"""Dry runs on folders whose images were imported, so that no web is needed."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.cli.main import main
from babelsift.pipelines.job.run import run
from babelsift.pipelines.replay.dry_run import dry_run
from babelsift.pipelines.replay.stored_languages import StoredLanguages, are_languages_known, with_stored_languages
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.pipelines.staging.shards import fingerprint
from babelsift.schemas import RunFolderError, recipe_from
from babelsift.schemas.recipe import LanguageSettings
from tests.support.hostile_web import encoded, photo
from tests.support.img2dataset_folder import Entry, write_shard

pytestmark = pytest.mark.xdist_group("dry_run")  # its tests share what a fixture makes

CAPTIONS = [
    "ein Hund mit einem Ball im Garten",
    "a dog with a ball in the garden",
    "IMG_1234.jpg",
    "un chien et un chat",
]


def recipe(**groups):
    return recipe_from({"name": "mine", **groups}, source="test")


PLAIN = {"captions": {"reject_filenames": True}, "shards": {"samples_per_shard": 2, "validation_fraction": 0.4}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run on an imported folder: (run folder, staging folder, funnel)."""
    home = tmp_path_factory.mktemp("dry")
    entries = [
        Entry(f"http://e.com/{n}.jpg", f"{CAPTIONS[n % 4]} {n}", encoded(photo(n, (160, 120))), size=(160, 120))
        for n in range(12)
    ]
    entries.append(Entry("http://e.com/gone.jpg", "a cat on a sofa", error="HTTP Error 404: Not Found"))
    write_shard(home / "staging", 0, entries)
    funnel = run(recipe(**PLAIN), [], str(home / "out"), staging=str(home / "staging"))
    return RunFolder(str(home / "out")), str(home / "staging"), funnel


def files_of(folder):
    return {path: folder.open(path).read() for path in folder.files_under("")}


@pytest.mark.slow
def test_a_folder_whose_images_were_imported(finished):
    folder, staging, funnel = finished
    assert folder.list("validation", ".parquet")
    assert folder.list("shards", ".parquet")
    before = files_of(folder)
    found = dry_run(recipe(**PLAIN), folder.url)
    assert found.funnel == funnel
    assert found.not_stored == {}
    assert dry_run(recipe(**PLAIN), folder.url, staging=staging).funnel == funnel
    assert files_of(folder) == before


@pytest.mark.parametrize(
    "groups",
    [
        {"language": {"keep": ["en", "fr"]}},
        {"language": {"min_score": 0.6}},
        {"captions": {}, "select": {"conditions": {"language_score": {"min": 0.7}}}},
    ],
)
def test_the_funnel_is_the_same_with_stored_languages_and_with_found_ones(finished, tmp_path, groups):
    folder, _, _ = finished
    rows = [
        row
        for place in ("shards", "validation", "rejects")
        for name in folder.list(place, ".parquet")
        for row in pq.read_table(folder.path(place, name), columns=["url", "caption"]).to_pylist()
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "pairs.parquet")
    mine = recipe(**PLAIN | groups)
    stored, found = dry_run(mine, folder.url), dry_run(mine, folder.url, [str(tmp_path / "pairs.parquet")])
    assert stored.funnel == found.funnel
    assert 0 < stored.funnel.kept_rows < 13


def test_languages_are_those_of_the_run_where_model_edits_and_software_are(finished):
    manifest = read_manifest(finished[0])
    assert are_languages_known(manifest, recipe(language={"keep": ["en"]}, captions={"min_words": 9}))
    assert not are_languages_known(manifest, recipe(language={"model": "other.ftz"}))
    assert not are_languages_known(manifest, recipe(caption_edits={"unicode": "NFC"}))
    assert not are_languages_known(replace(manifest, facts={"versions": "of last year"}), recipe())
    assert not are_languages_known(replace(manifest, stages={}), recipe())


@pytest.mark.parametrize("scores", [True, False])
def test_only_what_is_not_stored_is_identified(run_stage, read_rows, scores):
    rows = read_rows(3, caption=["a dog in the garden", "ein Hund im Garten", "a cat sleeps on the sofa"])
    stored = pa.record_batch({"language": pa.array(["xx", "yy", None]), "language_score": pa.array([0.5, None, None])})
    outputs = run_stage(StoredLanguages(LanguageSettings(), scores), [with_stored_languages(rows, stored)])
    assert [row["language"] for row in outputs.kept] == ["xx", "de" if scores else "yy", "en"]
    assert (outputs.kept[0]["language_score"], outputs.kept[2]["language_score"] > 0.5) == (0.5, True)
    assert [name for name in outputs.kept[0] if "stored" in name] == []


def test_images_from_a_folder_that_was_never_imported(finished, tmp_path):
    with pytest.raises(RunFolderError, match="no images were taken from /elsewhere; run `babelsift curate --staging`"):
        dry_run(recipe(**PLAIN), finished[0].url, staging="/elsewhere")


def test_curate_takes_a_staging_folder_without_input(finished, tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    options = ["--recipe", str(tmp_path / "mine.yaml"), "--staging", finished[1], "--output", str(tmp_path / "out")]
    assert main(["curate", *options]) == 0
    assert "12" in capsys.readouterr().out


def test_images_of_other_download_settings_are_named(finished, tmp_path, capsys):
    write_own_shard(tmp_path / "run")
    (tmp_path / "mine.yaml").write_text("name: mine\ndownload: {image_size: 512}\n")
    assert (
        main(["curate", "--dry-run", "--recipe", str(tmp_path / "mine.yaml"), "--output", str(tmp_path / "run")]) == 0
    )
    assert "not as mine says: 5 stored images were downloaded with other settings (" in capsys.readouterr().out
    found = dry_run(recipe(download={"image_size": 512}), str(tmp_path / "run"))
    [(why, images)] = found.other_downloads.items()
    assert "image_size was 99, now 512" in why
    assert images == 5


def write_own_shard(home):
    folder = RunFolder(str(home))
    folder.write_json("funnel.json", {"input_rows": 0, "kept_rows": 0, "stages": []})
    stats = {"count": 6, "successes": 5, "tar_bytes": 10, "end_time": 1.0, "settings": {"image_size": 99}}
    folder.write_json("staging/images/00000_stats.json", {**stats, "fingerprint": fingerprint({"image_size": 99})})
    folder.write("staging/images/00000.tar", b"0123456789")
    pq.write_table(pa.table({"uid": ["x"]}), folder.path("staging/images/00000.parquet"))
