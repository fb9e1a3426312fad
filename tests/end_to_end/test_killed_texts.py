"""A run with several texts an image is killed at many moments: each time the same command ends at the same bytes."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.schemas import Recipe
from babelsift.schemas.recipe import DedupImagesSettings, DownloadSettings, FrequencyRules, ShardSettings, ShardTexts
from tests.support.hostile_web import LOOPBACK_ONLY, answer, encoded, photo
from tests.support.killed_runs import killed_runs
from tests.support.small_run import babelsift, product, write_recipe

MOMENTS = 10
IMAGES = 18
RECIPE = Recipe(
    name="texts",
    frequency=FrequencyRules(max_captions_per_image=9),
    download=DownloadSettings(image_size=32, samples_per_staging_shard=8, **LOOPBACK_ONLY),
    dedup_images=DedupImagesSettings(texts="merge"),
    shards=ShardSettings(samples_per_shard=5, texts=ShardTexts(choose="draw", at_most=3)),
)
TEXTS = {"alt": "a photo of the small dog number {}", "title": "ein Bild von dem kleinen Hund Nummer {}"}


def write_rows(path, web):
    """Rows with two texts and a row of the URL's own; the last three images are copies of the first three."""
    rows = []
    for number in range(IMAGES):
        url = web.on(f"/{number}.jpg", answer(encoded(photo(number % (IMAGES - 3), (48, 40)))))
        rows.append({"url": url, **{name: text.format(number) for name, text in TEXTS.items()}})
        rows.append({"url": url, "alt": f"une photo du petit chien avec le numéro {number}", "title": None})
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.slow
def test_killed_with_several_texts_an_image(hostile_web, tmp_path):
    write_rows(tmp_path / "pairs.parquet", hostile_web)
    recipe = write_recipe(tmp_path / "recipe.yaml", RECIPE)
    source = ["--input", str(tmp_path / "pairs.parquet"), "--columns", "caption=alt+title", "--output"]
    command = ["curate", "--recipe", recipe, *source]
    assert babelsift(*command, str(tmp_path / "whole")).code == 0
    expected = product(str(tmp_path / "whole"))
    assert sum(path.endswith(".tar") for path in expected) == (IMAGES - 3) // 5
    assert pq.read_table(tmp_path / "whole" / "duplicates.parquet")["text_merged"].to_pylist().count(True) == 3 * 3
    runs = killed_runs([*command, str(tmp_path / "out")], str(tmp_path / "out"), moments=MOMENTS)
    assert sum(run.is_killed for run in runs) == MOMENTS
    for run in runs:
        assert product(run.folder) == expected, run
