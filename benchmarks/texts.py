"""What more texts an image cost: a table of WIT's shape with 3.3 texts an image, against the same images with one each.

    python -m benchmarks texts     TEXTS_IMAGES=900 sets the size

No CLIP model. Both sides run the preset `wit`, each time in a process of its own and a fresh folder, from the plan to
the report, in turn. Retries are off, so that the web may be asked once for each URL.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

from babelsift.pipelines.job.run import run as curate
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.schemas import Recipe, dump_recipe
from benchmarks.harness.outcome import Figure, Outcome, median_ratio
from benchmarks.harness.own_process import in_process, medians, peak_during
from benchmarks.workloads.photo_web import photo_web, served_requests
from benchmarks.workloads.photographs import draw_scenes
from benchmarks.workloads.wit_tables import write_wit

IMAGES = int(os.environ.get("TEXTS_IMAGES", "900"))
RUNS = 3
_SECONDS, _MEMORY = 1.4, 1.1  # at most so many times those of one text an image


def run() -> Outcome:
    """Runs both sides in turn."""
    texts = {"one": [1] * IMAGES, "several": [4 if number % 10 < 3 else 3 for number in range(IMAGES)]}
    measured: dict[str, list[dict[str, float]]] = {side: [] for side in texts}
    with tempfile.TemporaryDirectory() as home:
        photos = draw_scenes(Path(home) / "scenes", IMAGES)
        (Path(home) / "recipe.yaml").write_text(dump_recipe(_recipe()))
        for turn in range(RUNS):
            for side, counts in texts.items():
                with photo_web(photos) as base_url:
                    table = Path(home) / f"{side}.tsv.gz"
                    write_wit(table, base_url, counts)
                    found = in_process(__name__, "measure", f"{home}/recipe.yaml", str(table), f"{home}/{side}-{turn}")
                    if found["pairs"] != sum(counts):
                        raise AssertionError(f"{side}: {found['pairs']} of {sum(counts)} texts were kept")
                    asked = served_requests(base_url)
                    if asked != (IMAGES, IMAGES):
                        raise AssertionError(f"{side}: {asked[0]} requests for {asked[1]} of {IMAGES} URLs")
                    measured[side].append(found)
                    print(f"bench: {side}: {found}", flush=True)
    return _outcome(measured, sum(texts["several"]))


def measure(recipe: str, table: str, output: str) -> None:
    """Runs a recipe on a table; prints seconds, CPU seconds, the peak memory in MiB and how many pairs were kept."""
    found: dict[str, float] = {}

    def work() -> None:
        started = time.perf_counter(), _cpu_s()
        found["pairs"] = curate(load_recipe(recipe), [table], output).kept_rows
        found["seconds"], found["cpu_s"] = time.perf_counter() - started[0], _cpu_s() - started[1]

    found["peak_mib"] = peak_during(work)
    print(json.dumps(found))


def _cpu_s() -> float:
    """CPU seconds of this process, and of those that have ended that it started."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _outcome(measured: dict[str, list[dict[str, float]]], texts: int) -> Outcome:
    one, several = (medians(measured[side]) for side in ("one", "several"))
    seconds = median_ratio(*([found["seconds"] for found in measured[side]] for side in ("several", "one")))
    figures = {
        "seconds": Figure("s", several["seconds"], one["seconds"], seconds, f"<= {_SECONDS}"),
        "cpu": Figure("s of CPU", several["cpu_s"], one["cpu_s"], several["cpu_s"] / one["cpu_s"]),
        "peak": Figure(
            "MiB", several["peak_mib"], one["peak_mib"], several["peak_mib"] / one["peak_mib"], f"<= {_MEMORY}"
        ),
        "requests": Figure("a URL", 1.0, 1.0, 1.0, "1"),
    }
    what = (
        f"{IMAGES} images with {texts} texts, medians of {RUNS} alternating runs; peer: the same images with one each"
    )
    return Outcome("texts", what, figures)


def _recipe() -> Recipe:
    recipe = load_recipe("wit")
    loopback = {"allow_addresses": ("127.0.0.0/8",), "ports": None, "retries": 0, "image_size": 256}
    return recipe.model_copy(update={"download": recipe.download.model_copy(update=loopback)})
