from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import Recipe
from babelsift.schemas.recipe import CaptionRules, DownloadSettings, ShardSettings
from tests.support.explorer import running_explorer
from tests.support.hostile_web import LOOPBACK_ONLY, HostileWeb, answer, encoded, photo
from tests.support.one_worker import keep_together
from tests.support.small_run import babelsift, write_recipe

# Captions as the web has them: in scripts, from right to left, with markup and marks that turn text around.
CAPTIONS = [
    "a photo of two cats in the garden",
    "concatenate all strings of the guitar",
    "庭にいる二匹の猫の写真です",
    "صورة قطة في الحديقة الجميلة",
    "ＦＵＬＬ　ＷＩＤＴＨ　ＣＡＴ　ＰＨＯＴＯ",
    '<img src=x onerror="document.title=1"> a cat </script><script>alert(1)</script>',
    "a photo \u202eesrever fo gnihtemos\u202c and more words",
    "le chat dort dans le jardin",
    "cat",
]
RECIPE = Recipe(
    name="explored",
    captions=CaptionRules(min_characters=4),
    download=DownloadSettings(image_size=64, samples_per_staging_shard=5, **LOOPBACK_ONLY),
    shards=ShardSettings(samples_per_shard=4),
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """These tests share a run and the server that shows it."""
    keep_together(items, Path(__file__).parent)


@pytest.fixture(scope="session")
def explored(tmp_path_factory):
    """A finished run of all captions, one of them with an image that is gone; its folder."""
    home = tmp_path_factory.mktemp("explored")
    with HostileWeb() as web:
        urls = [
            web.on(f"/{number}.jpg", answer(encoded(photo(number, (96, 64 + 8 * number)))))
            for number in range(len(CAPTIONS) - 1)
        ]
        urls.append(web.url("/gone.jpg"))
        captions = [*CAPTIONS[:-1], "its image is gone"]
        rows = {"url": [*urls, urls[0]], "caption": [*captions, "cat"], "nsfw": [0.9] + [0.1] * len(captions)}
        pq.write_table(pa.table(rows), home / "pairs.parquet")
        recipe = write_recipe(home / "recipe.yaml", RECIPE)
        command = ["curate", "--recipe", recipe, "--input", str(home / "pairs.parquet"), "--output", str(home / "run")]
        said = babelsift(*command)
        assert said.code == 0, said.log
    return RunFolder(str(home / "run"))


@pytest.fixture(scope="session")
def explorer(explored, tmp_path_factory):
    labels = tmp_path_factory.mktemp("labels") / "labels.csv"
    with running_explorer(explored.url, "--labels", str(labels)) as running:
        running.labels = labels
        yield running
