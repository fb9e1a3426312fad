"""The texts of an image are one sample: which is chosen, how they are listed, what readers make of them."""

import json
from types import SimpleNamespace

import numpy as np
import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset

from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inspection.why import fates_of
from babelsift.pipelines.stages.score.models import resolve_model
from babelsift.schemas.recipe import DedupImagesSettings, ShardSettings, ShardTexts
from tests.support.hostile_web import HostileWeb, answer, encoded, photo
from tests.support.input_rows import read_rows
from tests.support.several_texts import IMAGES, RECIPE, curate, samples_of, serve_images, write_rows
from tests.support.small_run import babelsift

pytestmark = pytest.mark.xdist_group("samples_of_texts")  # its tests share what a fixture makes


@pytest.fixture
def urls(hostile_web):
    return serve_images(hostile_web)


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    """A finished run with two text columns: its folder of folders, and how many texts its table has."""
    home = tmp_path_factory.mktemp("texts")
    with HostileWeb() as web:
        texts = write_rows(home / "a.parquet", serve_images(web))
        funnel = curate(home, "--columns", "caption=caption+title")
    return SimpleNamespace(home=home, out=home / "out", texts=texts, funnel=funnel)


def test_the_texts_of_an_image_are_one_sample(curated):
    texts, funnel = curated.texts, curated.funnel
    assert funnel["kept_rows"] == texts
    samples = samples_of(curated.out)
    assert len(samples) == IMAGES
    listed = 0
    for sample in samples.values():
        content = json.loads(sample["json"])
        listed += len(content["texts"])
        assert content["texts"][0]["text"] == content["caption"] == sample["txt"].decode()
        assert content["texts"][0]["uid"] == content["uid"]
        assert {text["source"] for text in content["texts"]} <= {"caption", "title"}
        assert sample["txt"].startswith(b"a photo")  # the first row of the input
    assert listed == texts
    check_why(
        curated.out, max((json.loads(one["json"]) for one in samples.values()), key=lambda one: len(one["texts"]))
    )
    sizes = json.loads((curated.out / "shards" / "sizes.json").read_text())
    assert (sum(sizes.values()), max(sizes.values())) == (IMAGES, 8)
    rows = pa.concat_tables(pq.read_table(path) for path in sorted((curated.out / "shards").glob("*.parquet")))
    assert (len(rows), set(rows["key"].to_pylist())) == (texts, set(samples))
    images = pa.concat_tables(pq.read_table(path) for path in sorted((curated.out / "images").glob("*.parquet")))
    assert (images["key"].to_pylist(), sum(images["texts"].to_pylist())) == (sorted(samples), texts)
    as_tars, as_tables = (said_by(curated.out / "shards", kind) for kind in ("tar", "parquet"))
    assert as_tars == as_tables
    assert len(as_tars) == texts
    written = times_of_writing(curated.out / "shards")
    assert curate(curated.home, "--columns", "caption=caption+title") == funnel
    assert times_of_writing(curated.out / "shards") == written, "what is unchanged stays as it is"


def said_by(shards, kind):
    """What a product's tars, or its tables, say of its texts where they are the input."""
    rows = read_rows(plan_input([str(shards / f"*.{kind}")])).pairs
    said = ("url", "caption", "input_uid", "input_language", "input_text_source", "input_width")
    return sorted(tuple(row[name] for name in said) for row in rows)


def check_why(out, sample):
    """Asked for one text of a sample, `why` says which was chosen, and which others there are."""
    texts = sample["texts"]
    for number, text in enumerate(texts):
        said, others = fates_of(str(out), text["uid"])
        place = f"key {sample['key']}, text {number + 1} of {len(texts)}"
        assert f"{place}, the chosen one (" in said if number == 0 else f"{place} (" in said
        assert others.count(f"key {sample['key']}, text ") == len(texts) - 1
        assert [f"uid {other['uid']}" in others for other in texts] == [other != text for other in texts]
    assert len(fates_of(str(out), sample["url"])) == len(texts)


def times_of_writing(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("0*")}


@pytest.mark.parametrize(
    ("choice", "kept", "first"),
    [
        (ShardTexts(choose="longest", keep="chosen"), IMAGES, "une photo"),
        (ShardTexts(choose="first", at_most=2), 2 * IMAGES, "a photo"),
        (ShardTexts(choose="longest"), 3 * IMAGES, "une photo"),
        (ShardTexts(choose="draw", keep="chosen"), IMAGES, ""),
        (ShardTexts(choose="per_language", keep="chosen"), 3 * IMAGES, "a photo"),
    ],
)
def test_texts_are_chosen_as_the_recipe_says(choice, kept, first, tmp_path, urls):
    write_rows(tmp_path / "a.parquet", urls)
    recipe = RECIPE.model_copy(update={"shards": ShardSettings(samples_per_shard=8, texts=choice)})
    funnel = curate(tmp_path, recipe=recipe)
    shard = funnel["stages"][-1]
    assert (shard["in_rows"], shard["out_rows"]) == (3 * IMAGES, kept)
    assert shard["rejected"] == ({"text_not_chosen": 3 * IMAGES - kept} if kept < 3 * IMAGES else {})
    samples = samples_of(tmp_path / "out")
    assert len(samples) == IMAGES
    assert all(sample["txt"].decode().startswith(first) for sample in samples.values())


def test_texts_of_copies_are_merged_and_said_to_be(tmp_path, hostile_web, urls):
    copy = hostile_web.on("/copy.jpg", answer(encoded(photo(0, (48, 40)))))
    rows = [{"url": urls[0], "caption": "the same text of both"}, {"url": copy, "caption": "the same text of both"}]
    rows += [{"url": copy, "caption": "a text that only the copy has"}, {"url": urls[1], "caption": "another image"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    recipe = RECIPE.model_copy(update={"dedup_images": DedupImagesSettings(texts="merge")})
    funnel = curate(tmp_path, recipe=recipe)
    assert (funnel["kept_rows"], hostile_web.total_requests) == (3, 3)
    listed = [
        {text["text"] for text in json.loads(sample["json"])["texts"]}
        for sample in samples_of(tmp_path / "out").values()
    ]
    assert sorted(map(len, listed)) == [1, 2]
    merged = pq.read_table(tmp_path / "out" / "duplicates.parquet")
    assert sorted(merged["text_merged"].to_pylist()) in ([False], [False, True])
    images = pq.read_table(tmp_path / "out" / "images" / "00000000.parquet")
    assert sorted(images["texts"].to_pylist()) == [1, 2]


def test_a_subset_has_the_uids_of_texts_or_of_images(curated, tmp_path):
    for options, count in (((), curated.texts), (("--images",), IMAGES)):
        said = babelsift("subset", str(curated.out), str(tmp_path / "uids.npy"), *options)
        assert said.code == 0, said.log
        assert len(np.load(tmp_path / "uids.npy")) == count
    card = (curated.out / "README.md").read_text()
    assert f"| samples | {IMAGES} |" in card
    assert f"| texts | {curated.texts}" in card


def test_training_reads_the_first_text_or_any_of_them(curated, tmp_path, monkeypatch):
    """open_clip's own loader takes the text; webdataset's takes the list of the JSON, as code that draws one does."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    from open_clip_train.data import get_wds_dataset

    tars = str(curated.out / "shards" / "{00000000..00000002}.tar")
    samples = samples_of(curated.out)
    drawn = [
        (sample["__key__"], [text["text"] for text in sample["json"]["texts"]], sample["txt"])
        for sample in webdataset.WebDataset(tars, shardshuffle=False).decode()
    ]
    assert sum(len(listed) for _, listed, _ in drawn) == curated.texts
    assert {key: listed[0] for key, listed, _ in drawn} == {key: one["txt"].decode() for key, one in samples.items()}
    assert all(listed[0] == text for _, listed, text in drawn)
    name = resolve_model("babelsift-demo")
    tokenizer = open_clip.get_tokenizer(name)
    _, preprocess, _ = open_clip.create_model_and_transforms(name, load_weights=False)
    settings = {"train_data": tars, "train_num_samples": None, "train_data_upsampling_factors": None}
    settings |= {"dataset_resampled": False, "batch_size": 8, "workers": 1, "world_size": 1, "seed": 0}
    data = get_wds_dataset(SimpleNamespace(**settings), preprocess, is_train=True, tokenizer=tokenizer)
    found = {tuple(tokens.tolist()) for _, batch in data.dataloader for tokens in batch}
    assert found == {tuple(tokenizer(sample["txt"].decode())[0].tolist()) for sample in samples.values()}
    check_hugging_face(curated.out / "shards", samples, str(tmp_path / "cache"))


def check_hugging_face(shards, samples, cache):
    """Hugging Face's data sets have of the tars a sample with its list, of the tables a row a text."""
    from datasets import load_dataset

    listed = {key: json.loads(sample["json"])["texts"] for key, sample in samples.items()}
    files = {kind: sorted(map(str, shards.glob(f"*.{kind}"))) for kind in ("tar", "parquet")}
    for streaming in (True, False):
        tars = load_dataset(
            "webdataset", data_files={"train": files["tar"]}, split="train", streaming=streaming, cache_dir=cache
        )
        assert {row["__key__"]: row["json"]["texts"] for row in tars} == listed
    table = load_dataset("parquet", data_files={"train": files["parquet"]}, split="train", cache_dir=cache)
    rows = sorted((row["key"], row["caption"], row["text_source"]) for row in table)
    assert rows == sorted((key, text["text"], text["source"]) for key, texts in listed.items() for text in texts)
