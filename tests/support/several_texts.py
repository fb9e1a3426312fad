"""A table with several texts an image, a web that serves the images, and the command on them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.schemas import Funnel, Recipe
from babelsift.schemas.recipe import DownloadSettings, ShardSettings
from tests.support.hostile_web import LOOPBACK_ONLY, HostileWeb, answer, encoded, photo
from tests.support.small_run import babelsift, write_recipe

SETTINGS = DownloadSettings(image_size=32, samples_per_staging_shard=10, **LOOPBACK_ONLY)
RECIPE = Recipe(name="texts", download=SETTINGS, shards=ShardSettings(samples_per_shard=8))
IMAGES = 24
TEXTS = {
    "en": "a photo of the small dog number",
    "de": "ein Bild von dem kleinen Hund Nummer",
    "fr": "une photo du petit chien avec le numéro",
}


def serve_images(web: HostileWeb) -> list[str]:
    """Has the web serve the images; returns their URLs."""
    bodies = {f"/{number}.jpg": encoded(photo(number, (48, 40))) for number in range(IMAGES)}
    return [web.on(path, answer(body)) for path, body in bodies.items()]


def write_rows(path: Path, urls: list[str]) -> int:
    """Writes a row a (URL, language), and a second text column that some rows have; returns how many texts that is."""
    rows = [
        {"url": url, "caption": f"{text} {number}", "title": f"{language} title {number}" if number % 4 == 0 else None}
        for language, text in TEXTS.items()
        for number, url in enumerate(urls)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return sum(1 + (row["title"] is not None) for row in rows)


def curate(
    home: Path, *options: str, recipe: Recipe = RECIPE, out: str = "out", table: str = "a.parquet"
) -> dict[str, Any]:
    """Runs the command in a folder; returns the funnel as JSON."""
    recipe_file = write_recipe(home / "recipe.yaml", recipe)
    said = babelsift(
        "curate", "--recipe", recipe_file, "--input", str(home / table), "--output", str(home / out), *options
    )
    assert said.code == 0, said.log
    return Funnel.from_json(json.loads((home / out / "funnel.json").read_text())).to_json()


def samples_of(out: Path) -> dict[str, dict[str, bytes]]:
    """Returns {key: {extension: content}} of all training shards."""
    found = {}
    for path in sorted((out / "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, extension = member.name.partition(".")
                found.setdefault(key, {})[extension] = tar.extractfile(member).read()
    return found
