"""A real table of pairs through the main job, photographs on loopback standing in for a web that is out of reach.

    python -m benchmarks.real_input TABLE.parquet PHOTOS OUTPUT [RECIPE]

Each URL becomes a path of the photo web; captions, duplicates and odd rows stay as they are.
"""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.job.run import run
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.rendering import format_funnel
from benchmarks.workloads.photo_web import photo_web


def main(table: str, photos: str, output: str, recipe_name: str = "datacomp-basic") -> int:
    """Runs the job and prints its funnel; returns the exit code."""
    recipe = load_recipe(recipe_name)
    settings = {"allow_addresses": ("127.0.0.1/32",), "ports": None}
    recipe = recipe.model_copy(update={"download": recipe.download.model_copy(update=settings)})
    pairs = pq.read_table(table)
    Path(output).mkdir(parents=True, exist_ok=True)
    with photo_web(photos) as base_url:
        urls = [None if url is None else f"{base_url}/{quote(url, safe='')}" for url in pairs["URL"].to_pylist()]
        local = pairs.set_column(pairs.schema.get_field_index("URL"), "URL", pa.array(urls, pa.string()))
        pq.write_table(local, f"{output}/input.parquet")
        print(format_funnel(run(recipe, [f"{output}/input.parquet"], output)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
