"""Several texts an image through the command: one request and one decoding for all of them; a folder that goes on."""

import json
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.layout import STAGING
from tests.support.hostile_web import answer, encoded, photo
from tests.support.several_texts import IMAGES, RECIPE, SETTINGS, TEXTS, curate, samples_of, serve_images, write_rows
from tests.support.small_run import product


@pytest.fixture
def urls(hostile_web):
    return serve_images(hostile_web)


def staged_images(out):
    count = 0
    for path in sorted((out / STAGING).glob("*.tar")):
        with tarfile.open(path) as tar:
            count += sum(member.name.endswith(".jpg") for member in tar)
    return count


def test_one_request_a_url_for_all_its_texts_and_for_the_folders_life(tmp_path, hostile_web, urls):
    texts = write_rows(tmp_path / "a.parquet", urls)
    funnel = curate(tmp_path, "--columns", "caption=caption+title")
    assert (funnel["source_rows"], funnel["input_rows"]) == (3 * IMAGES, texts)
    assert hostile_web.total_requests == IMAGES
    assert staged_images(tmp_path / "out") == IMAGES
    kept = {stage["stage"]: stage["out_rows"] for stage in funnel["stages"]}
    assert kept["dedup_images"] == texts  # no text of an image is its duplicate
    pq.write_table(
        pa.table({"url": urls, "caption": [f"yet another text {url}" for url in urls]}), tmp_path / "b.parquet"
    )
    funnel = curate(tmp_path, table="*.parquet")
    assert funnel["input_rows"] == 4 * IMAGES
    assert hostile_web.total_requests == IMAGES


def test_copies_of_an_image_go_with_all_their_texts(tmp_path, hostile_web, urls):
    copy = hostile_web.on("/copy.jpg", answer(encoded(photo(0, (48, 40)))))
    rows = [{"url": url, "caption": f"{text} {url}"} for url in (urls[0], copy) for text in TEXTS.values()]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    funnel = curate(tmp_path)
    counts = {stage["stage"]: (stage["out_rows"], stage["rejected"]) for stage in funnel["stages"]}
    assert counts["dedup_images"] == (3, {"duplicate_image": 3})


@pytest.mark.slow
def test_staging_does_not_shape_the_product(tmp_path, urls):
    """The same bytes from one staging partition and from several; folders of before go on by their own partitions."""
    write_rows(tmp_path / "a.parquet", urls)
    columns = ("--columns", "caption=caption+title")
    curate(tmp_path, *columns)
    one = RECIPE.model_copy(update={"download": SETTINGS.model_copy(update={"samples_per_staging_shard": 1000})})
    curate(tmp_path, *columns, recipe=one, out="one")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["partitioning"], manifest["partitions"]) == (2, 8)
    assert json.loads((tmp_path / "out" / "staging" / "split_domains.json").read_text())["first"] == ["127.0.0.1"]
    first, second = (shards(tmp_path / name) for name in ("out", "one"))
    assert first == second


def shards(out):
    return {path: content for path, content in product(str(out)).items() if path.startswith(("shards/", "rejects/"))}


def test_a_folder_of_before_goes_on(tmp_path, hostile_web, urls):
    """What an earlier version parted by uid is found again, and nothing of it is asked for again."""
    write_rows(tmp_path / "a.parquet", urls)
    RunFolder(str(tmp_path / "out")).write_json("manifest.json", {"format": 2, "partitions": 8, "facts": {}})
    before = curate(tmp_path)
    requests = hostile_web.total_requests
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["partitioning"] == 1
    assert curate(tmp_path) == before
    assert hostile_web.total_requests == requests


@pytest.mark.slow
def test_a_domain_that_grows_is_split_and_nothing_of_it_is_asked_for_again(tmp_path, hostile_web, urls):
    """What lies in the domain's own partition is found by the URLs that go elsewhere now."""
    settings = SETTINGS.model_copy(update={"allow_addresses": ("127.0.0.0/8",), "max_failure_rate": None})
    recipe = RECIPE.model_copy(update={"download": settings})
    others = [hostile_web.url(f"/{at}.jpg", host=f"127.0.1.{at}") for at in range(1, 61)]  # nobody listens there
    captions = [f"a photo of thing number {at}" for at in range(len(others) + len(urls))]
    few = urls[:4] + others
    pq.write_table(pa.table({"url": few, "caption": captions[: len(few)]}), tmp_path / "a.parquet")
    curate(tmp_path, recipe=recipe)
    assert not (tmp_path / "out" / "staging" / "split_domains.json").exists()
    assert hostile_web.total_requests == 4
    more = [{"url": url, "caption": f"another text of {url}"} for url in urls]
    pq.write_table(pa.Table.from_pylist(more), tmp_path / "b.parquet")
    funnel = curate(tmp_path, recipe=recipe, table="*.parquet")
    assert json.loads((tmp_path / "out" / "staging" / "split_domains.json").read_text()) == {
        "first": [],
        "later": ["127.0.0.1"],
    }
    assert hostile_web.total_requests == IMAGES
    assert funnel["kept_rows"] == 4 + IMAGES
    assert len(samples_of(tmp_path / "out")) == IMAGES
