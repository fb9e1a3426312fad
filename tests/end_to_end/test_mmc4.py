"""Documents of MMC4's through the preset: each image with one sentence, and each sentence with one image."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.optimize import linear_sum_assignment

from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.schemas.recipe import ClipModel
from tests.support.hostile_web import LOOPBACK_ONLY, answer, encoded, photo
from tests.support.small_run import babelsift, write_recipe

SIDES = [(2, 4), (3, 3), (4, 2)]  # images and sentences of each document


@pytest.mark.slow
def test_the_preset_matches_each_document_one_to_one(tmp_path, hostile_web):
    model = ClipModel(model="babelsift-demo", name="demo", keep_embeddings=True)
    preset = load_recipe("mmc4")
    download = preset.download.model_copy(update={"image_size": 64, **LOOPBACK_ONLY})
    recipe = write_recipe(tmp_path / "recipe.yaml", preset.model_copy(update={"clip": (model,), "download": download}))
    documents, bodies = [], {}
    for number, (images, sentences) in enumerate(SIDES):
        urls = [hostile_web.url(f"/{number}-{image}.jpg") for image in range(images)]
        for image, url in enumerate(urls):
            bodies[url] = encoded(photo(10 * number + image, (80, 64)))
            hostile_web.on(f"/{number}-{image}.jpg", answer(bodies[url]))
        colours = ["red", "blue", "green", "yellow"][:sentences]
        texts = [f"A {colour} circle on document {number}." for colour in colours]
        documents.append({"image_info": [{"raw_url": url} for url in urls], "text_list": texts})
    (tmp_path / "docs.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
    source = ["--recipe", recipe, "--input", str(tmp_path / "docs.jsonl"), "--output", str(tmp_path / "out")]
    said = babelsift("curate", *source)
    assert said.code == 0, said.log
    rows = pa.concat_tables(pq.read_table(path) for path in sorted((tmp_path / "out" / "shards").glob("*.parquet")))
    funnel = json.loads((tmp_path / "out" / "funnel.json").read_text())
    pairs = sum(images * sentences for images, sentences in SIDES)
    [select] = [stage for stage in funnel["stages"] if stage["stage"] == "select"]
    assert (select["in_rows"], len(rows)) == (pairs, sum(map(min, SIDES)))
    assert select["rejected"] == {"not_matched_in_document": pairs - len(rows)}
    # Similarities of all pairs: the ledger has those of the ones that were left out.
    rejected = pa.concat_tables(
        pq.read_table(path) for path in sorted((tmp_path / "out" / "rejects").glob("*.parquet"))
    )
    scores = {(row["url"], row["caption"]): float(row["value"]) for row in rejected.to_pylist()}
    kept = {(row["url"], row["caption"]): row["similarity_demo"] for row in rows.to_pylist()}
    for document in documents:
        urls, texts = [info["raw_url"] for info in document["image_info"]], document["text_list"]
        matrix = np.array([[{**scores, **kept}[url, text] for text in texts] for url in urls])
        ours = [pair for pair in kept if pair[0] in urls]
        for side in zip(*ours, strict=True):
            assert len(set(side)) == len(ours) == min(len(urls), len(texts))
        best = matrix[linear_sum_assignment(-matrix)].sum()
        assert sum(kept[pair] for pair in ours) == pytest.approx(best, abs=1e-5)
