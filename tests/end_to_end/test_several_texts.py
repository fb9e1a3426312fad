"""Several texts an image through the command: one request, one decoding, one image, a fate for every text."""

import json
import tarfile
from types import SimpleNamespace

import numpy as np
import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset

from babelsift.filters.clip import decoders
from babelsift.filters.clip.pixels.decode import decode
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inspection.why import fates_of
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.models import load_scorer, resolve_model
from babelsift.pipelines.staging.layout import STAGING
from babelsift.schemas import Funnel, Recipe
from babelsift.schemas.recipe import ClipModel, DedupImagesSettings, DownloadSettings, ShardSettings, ShardTexts
from tests.support.hostile_web import LOOPBACK_ONLY, answer, encoded, photo
from tests.support.input_rows import read_rows
from tests.support.small_run import babelsift, product, write_recipe

SETTINGS = DownloadSettings(image_size=32, samples_per_staging_shard=10, **LOOPBACK_ONLY)
RECIPE = Recipe(name="texts", download=SETTINGS, shards=ShardSettings(samples_per_shard=8))
IMAGES = 24
TEXTS = {
    "en": "a photo of the small dog number",
    "de": "ein Bild von dem kleinen Hund Nummer",
    "fr": "une photo du petit chien avec le numéro",
}


@pytest.fixture
def urls(hostile_web):
    bodies = {f"/{number}.jpg": encoded(photo(number, (48, 40))) for number in range(IMAGES)}
    return [hostile_web.on(path, answer(body)) for path, body in bodies.items()]


def write_rows(path, urls):
    """A row a (URL, language), and a second text column that some rows have; returns how many texts that is."""
    rows = [
        {"url": url, "caption": f"{text} {number}", "title": f"{language} title {number}" if number % 4 == 0 else None}
        for language, text in TEXTS.items()
        for number, url in enumerate(urls)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return sum(1 + (row["title"] is not None) for row in rows)


def curate(home, *options, recipe=RECIPE, out="out", table="a.parquet"):
    recipe_file = write_recipe(home / "recipe.yaml", recipe)
    said = babelsift(
        "curate", "--recipe", recipe_file, "--input", str(home / table), "--output", str(home / out), *options
    )
    assert said.code == 0, said.log
    return Funnel.from_json(json.loads((home / out / "funnel.json").read_text())).to_json()


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


def samples_of(out):
    """{key: {extension: content}} of all training shards."""
    found = {}
    for path in sorted((out / "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, extension = member.name.partition(".")
                found.setdefault(key, {})[extension] = tar.extractfile(member).read()
    return found


def test_the_texts_of_an_image_are_one_sample(tmp_path, urls):
    texts = write_rows(tmp_path / "a.parquet", urls)
    funnel = curate(tmp_path, "--columns", "caption=caption+title")
    assert funnel["kept_rows"] == texts
    samples = samples_of(tmp_path / "out")
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
        tmp_path / "out", max((json.loads(one["json"]) for one in samples.values()), key=lambda one: len(one["texts"]))
    )
    sizes = json.loads((tmp_path / "out" / "shards" / "sizes.json").read_text())
    assert (sum(sizes.values()), max(sizes.values())) == (IMAGES, 8)
    rows = pa.concat_tables(pq.read_table(path) for path in sorted((tmp_path / "out" / "shards").glob("*.parquet")))
    assert (len(rows), set(rows["key"].to_pylist())) == (texts, set(samples))
    images = pa.concat_tables(pq.read_table(path) for path in sorted((tmp_path / "out" / "images").glob("*.parquet")))
    assert (images["key"].to_pylist(), sum(images["texts"].to_pylist())) == (sorted(samples), texts)
    as_tars, as_tables = (said_by(tmp_path / "out" / "shards", kind) for kind in ("tar", "parquet"))
    assert as_tars == as_tables
    assert len(as_tars) == texts
    written = times_of_writing(tmp_path / "out" / "shards")
    assert curate(tmp_path, "--columns", "caption=caption+title") == funnel
    assert times_of_writing(tmp_path / "out" / "shards") == written, "what is unchanged stays as it is"


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


@pytest.mark.slow
def test_the_best_text_is_chosen_of_an_image_s_own_and_its_copy_s(tmp_path, hostile_web, urls):
    """Texts that come from a copy are scored against the image that stays."""
    copy = hostile_web.on("/copy.jpg", answer(encoded(photo(0, (48, 40)), quality=70)))
    rows = [
        {"url": url, "caption": f"{text} {at}"} for at, url in enumerate([urls[0], copy]) for text in TEXTS.values()
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    model = ClipModel(model="babelsift-demo", name="demo")
    recipe = Recipe(
        name="best",
        download=SETTINGS,
        clip=(model,),
        dedup_images=DedupImagesSettings(texts="merge", near_radius_bits=60, min_phash_quality=0),
        shards=ShardSettings(texts=ShardTexts(choose="best_similarity")),
    )
    assert curate(tmp_path, recipe=recipe)["kept_rows"] == 6
    [sample] = samples_of(tmp_path / "out").values()
    texts = json.loads(sample["json"])["texts"]
    expected = load_scorer(model).score([sample["jpg"]] * 6, [text["text"] for text in texts])["similarity"].to_pylist()
    assert [text["similarity_demo"] for text in texts] == pytest.approx(expected, abs=1e-6)
    assert {text["text"] for text in texts} == {row["caption"] for row in rows}
    assert texts[0]["similarity_demo"] == max(text["similarity_demo"] for text in texts)
    assert sample["txt"].decode() == texts[0]["text"]
    chosen = recipe.model_copy(
        update={"shards": ShardSettings(texts=ShardTexts(choose="best_similarity", keep="chosen"))}
    )
    funnel = curate(tmp_path, recipe=chosen)
    assert funnel["stages"][-1]["rejected"] == {"text_not_chosen": 5}
    [alone] = samples_of(tmp_path / "out").values()
    assert alone["txt"] == sample["txt"]
    # `why` tells of a text that was not chosen which one was, whichever copy it comes from.
    not_chosen = next(text for text in texts if text["text"][-1] != texts[0]["text"][-1])
    said, others = fates_of(str(tmp_path / "out"), not_chosen["uid"])
    assert said.startswith("left out at shard: text_not_chosen")
    assert others.count("left out at shard: text_not_chosen") == 4
    assert f"uid {texts[0]['uid']}" in others.partition("kept: ")[2].partition("left out")[0]


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


def test_a_subset_has_the_uids_of_texts_or_of_images(tmp_path, urls):
    texts = write_rows(tmp_path / "a.parquet", urls)
    curate(tmp_path, "--columns", "caption=caption+title")
    for options, count in (((), texts), (("--images",), IMAGES)):
        said = babelsift("subset", str(tmp_path / "out"), str(tmp_path / "uids.npy"), *options)
        assert said.code == 0, said.log
        assert len(np.load(tmp_path / "uids.npy")) == count
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"| samples | {IMAGES} |" in card
    assert f"| texts | {texts}" in card


def test_training_reads_the_first_text_or_any_of_them(tmp_path, urls, monkeypatch):
    """open_clip's own loader takes the text; webdataset's takes the list of the JSON, as code that draws one does."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    from open_clip_train.data import get_wds_dataset

    texts = write_rows(tmp_path / "a.parquet", urls)
    curate(tmp_path, "--columns", "caption=caption+title")
    tars = str(tmp_path / "out" / "shards" / "{00000000..00000002}.tar")
    samples = samples_of(tmp_path / "out")
    drawn = [
        (sample["__key__"], [text["text"] for text in sample["json"]["texts"]], sample["txt"])
        for sample in webdataset.WebDataset(tars, shardshuffle=False).decode()
    ]
    assert sum(len(listed) for _, listed, _ in drawn) == texts
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
    check_hugging_face(tmp_path / "out" / "shards", samples, str(tmp_path / "cache"))


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


def table_of(folder):
    return pa.concat_tables(pq.read_table(path) for path in sorted(folder.glob("*.parquet")))


@pytest.mark.slow
def test_a_model_embeds_an_image_once_for_its_texts_and_each_is_found_by_uid(tmp_path, urls, monkeypatch):
    texts = write_rows(tmp_path / "a.parquet", urls)
    decoded = []

    def counted(image, *rest, **options):
        decoded.append(image)
        return decode(image, *rest, **options)

    monkeypatch.setattr(decoders, "decode", counted)
    model = ClipModel(model="babelsift-demo", name="demo", batch_size=5)
    sharding = ShardSettings(samples_per_shard=8, embeddings=True)
    funnel = curate(
        tmp_path,
        *("--columns", "caption=caption+title"),
        recipe=RECIPE.model_copy(update={"clip": (model,), "shards": sharding}),
    )
    assert funnel["kept_rows"] == texts
    assert (len(decoded), len(set(decoded))) == (IMAGES, IMAGES)
    monkeypatch.undo()
    rows, samples = table_of(tmp_path / "out" / "shards"), samples_of(tmp_path / "out")
    images = [samples[key]["jpg"] for key in rows["key"].to_pylist()]
    expected = load_scorer(model).score(images, rows["caption"].to_pylist(), embeddings=True)
    assert rows["similarity_demo"].to_pylist() == expected["similarity"].to_pylist()
    found = tmp_path / "out" / "embeddings" / "demo"
    uids = table_of(found / "metadata")["uid"].to_pylist()
    assert uids == rows["uid"].to_pylist()
    for kind, column in (("img_emb", "image_embedding"), ("text_emb", "text_embedding")):
        vectors = np.concatenate([np.load(path) for path in sorted((found / kind).glob("*.npy"))])
        assert (vectors == np.stack(expected[column].to_pylist())).all()
    similarities = dict(zip(rows["uid"].to_pylist(), rows["similarity_demo"].to_pylist(), strict=True))
    for sample in samples.values():
        for text in json.loads(sample["json"])["texts"]:
            assert text["similarity_demo"] == pytest.approx(similarities[text["uid"]])
