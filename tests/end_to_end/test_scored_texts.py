"""Several texts an image and a model: each is scored, the best is chosen, the image is embedded once."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.filters.clip import decoders
from babelsift.filters.clip.pixels.decode import decode
from babelsift.pipelines.inspection.why import fates_of
from babelsift.pipelines.stages.score.models import load_scorer
from babelsift.schemas import Recipe
from babelsift.schemas.recipe import ClipModel, DedupImagesSettings, ShardSettings, ShardTexts
from tests.support.hostile_web import answer, encoded, photo
from tests.support.several_texts import IMAGES, RECIPE, SETTINGS, TEXTS, curate, samples_of, serve_images, write_rows


@pytest.fixture
def urls(hostile_web):
    return serve_images(hostile_web)


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
