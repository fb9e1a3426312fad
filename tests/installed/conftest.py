"""Builds the wheel and the sdist, and installs the wheel with `[clip]` alone, once in a test run."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from tests.support.hostile_web import HostileWeb, answer, encoded, photo
from tests.support.installation import Installation, copy_sources, run_uv, succeeded
from tests.support.one_worker import keep_together

_PAIRS = 40
_ANIMALS = ("dog", "cat", "horse", "owl", "fox")
_PLACES = ("garden", "park", "forest")
_RECIPE = """
name: everything
captions: {min_words: 3}
metadata: {entries: entries.txt}
dedup_pairs: {near_captions: {min_jaccard: 0.8}}
download: {ports: null, allow_addresses: ["127.0.0.1/32"], retries: 2, samples_per_staging_shard: 20}
dedup_images: {exact: pixels, near_radius_bits: 31}
clip: {model: babelsift-demo, precision: fp32}
heads: {name: total, layers: {file: head.safetensors}}
select:
  conditions:
    rating: {min: 2}
    total: {above: -1000}
    price: {keep_null: true, min: 0.5}
  caps: {per_host: 28, prefer: seed}
balance: {rule: metaclip-1, threshold: 15}
shards: {samples_per_shard: 8, embeddings: true}
"""
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """These tests share an installation, and what it compiles on its first run."""
    keep_together(items, Path(__file__).parent)


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    """An environment beside the one that runs the tests, made anew for each run of them."""
    home = Path(sys.prefix) / "installed"
    home.mkdir(exist_ok=True)
    made_by = home / "made_by"
    with (home / "lock").open("w") as lock:
        # The workers of one run share it; another run in the same clone waits until they are done.
        fcntl.flock(lock, fcntl.LOCK_SH)
        while not made_by.exists() or made_by.read_text() != _RUN:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made_by.exists() or made_by.read_text() != _RUN:
                made_by.unlink(missing_ok=True)
                _install(home)
                made_by.write_text(_RUN)
            fcntl.flock(lock, fcntl.LOCK_SH)
        [wheel] = (home / "dist").glob("*.whl")
        [sdist] = (home / "dist").glob("*.tar.gz")
        yield Installation(home=home / "environment", sources=home / "sources", wheel=wheel, sdist=sdist)


def _install(home: Path) -> None:
    for name in ("sources", "dist", "environment"):
        shutil.rmtree(home / name, ignore_errors=True)
    copy_sources(home / "sources")
    run_uv("build", "--quiet", "--out-dir", home / "dist", home / "sources")
    [wheel] = (home / "dist").glob("*.whl")
    run_uv("venv", "--quiet", "--python", sys.executable, home / "environment")
    python = home / "environment" / "bin" / "python"
    run_uv("pip", "install", "--quiet", "--python", python, f"{wheel}[clip]")


@pytest.fixture(scope="session")
def workplace(tmp_path_factory) -> Path:
    """A user's folder: a recipe and its files, and folders that happen to have our folders' names."""
    home = tmp_path_factory.mktemp("workplace")
    for name in ("schemas", "filters", "pipelines"):
        (home / name).mkdir()
        (home / name / "__init__.py").write_text(f"raise ImportError('the user's own {name}')\n")
    (home / "entries.txt").write_text("\n".join(_ANIMALS))
    save_file({"weight": np.ones((1, 128), np.float32)}, home / "head.safetensors")
    (home / "recipe.yaml").write_text(_RECIPE)
    return home


@pytest.fixture(scope="session")
def curated(installation, workplace) -> SimpleNamespace:
    """A finished run of the installed command, on a web that is served while it goes on."""
    images = [photo(row, (200, 160)) for row in range(_PAIRS)]
    images[3] = images[2].resize((240, 192))
    captions = [f"photo {row * 7919} of a {_ANIMALS[row % 5]} in the {_PLACES[row % 3]}" for row in range(_PAIRS)]
    captions[6] = captions[5].replace("forest", "forests")
    with HostileWeb() as web:
        columns = {
            "URL": [web.on(f"/{row}.jpg", answer(encoded(image))) for row, image in enumerate(images)],
            "TEXT": captions,
            "rating": pa.array([row % 10 for row in range(_PAIRS)], pa.uint8()),
            "price": pa.array([None if row % 2 else row for row in range(_PAIRS)], pa.float64()),
        }
        pq.write_table(pa.table(columns), workplace / "pairs.parquet")
        command = ["curate", "--recipe", "recipe.yaml", "--input", "pairs.parquet", "--output", "out/run"]
        succeeded(installation.babelsift(*command, cwd=workplace))
    run = workplace / "out" / "run"
    kept, rejected = (
        pa.concat_tables([pq.read_table(path) for path in sorted((run / name).glob("*.parquet"))])
        for name in ("shards", "rejects")
    )
    return SimpleNamespace(home=run, pairs=_PAIRS, kept=kept, rejected=rejected)
