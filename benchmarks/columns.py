"""Columns of texts, against the bare loops of what makes them, and what measures of images take of a download's CPU.

Ours is all that the stage does with a partition's rows: digests, what is stored, the model (fastText's `predict`, a
transformer's passes), storing, the rows with their column. The shuffle before it is not in it. Rounds alternate, in CPU
seconds of this process. Measures are compared with all that a decoder does with an image, without what fetches it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from babelsift.filters.image import facts, process_image
from babelsift.filters.language.model_file import shipped_model
from babelsift.filters.uids import compute_uids
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.columns.early_conditions import place_conditions
from babelsift.pipelines.stages.columns.making import Making
from babelsift.pipelines.stages.columns.resolved import resolve
from babelsift.pipelines.stages.columns.text_columns import read_texts
from babelsift.pipelines.staging.columns.column_store import Place
from babelsift.schemas import Stage, recipe_from
from babelsift.schemas.recipe import DownloadSettings
from benchmarks.harness.outcome import Figure, Outcome, median_ratio
from benchmarks.harness.timed_processing import timed
from benchmarks.language import given_captions
from benchmarks.workloads.photographs import photograph_files, photograph_folder

_ROUNDS = 5
_CAPTIONS, _OF_TRANSFORMER = 20_000, 256
_PASS, _TOKENS = 32, 16
_PHOTOGRAPHS = 200


def run() -> Outcome:
    """Times both kinds on the same captions."""
    captions, source = given_captions()
    captions = list(dict.fromkeys(captions))[:_CAPTIONS]
    with tempfile.TemporaryDirectory() as home:
        figures = {
            "fasttext": _fasttext(captions, Path(home)),
            "transformer": _transformer(captions[:_OF_TRANSFORMER], Path(home)),
            "image_measures": _image_measures(photograph_files(photograph_folder(home))),
        }
    what = f"{len(captions)} different captions of {source}, {_ROUNDS} alternating rounds, CPU seconds"
    return Outcome("columns", what, figures)


def _fasttext(captions: list[str], home: Path) -> Figure:
    import fasttext

    model = fasttext.load_model(shipped_model())

    def bare() -> None:
        for caption in captions:
            model.predict(caption)

    column = {"name": "lang", "of": "caption", "by": "fasttext", "model": shipped_model()}
    return _compared(_made(captions, column, home / "fasttext"), bare, len(captions), ">= 0.8")


def _transformer(captions: list[str], home: Path) -> Figure:
    """A BERT of MiniLM's size with random weights: time does not depend on them; texts are of one length."""
    import torch
    from transformers import AutoModelForSequenceClassification

    from tests.support.tiny_classifiers import write_classifier

    shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    folder = write_classifier(home / "model", ["fine", "toxic"], **shape)
    network = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ids = torch.ones((_PASS, _TOKENS), dtype=torch.int64)
    texts = [f"w{number} {'dog ' * (_TOKENS - 3)}" for number in range(len(captions))]  # and two for the ends

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(0, len(texts), _PASS):
                network(input_ids=ids, attention_mask=ids)

    column = {"name": "toxic", "of": "caption", "by": "transformers", "model": folder, "label": "toxic"}
    return _compared(_made(texts, column, home / "transformer"), bare, len(texts), ">= 0.9")


def _image_measures(photographs: list[Path]) -> Figure:
    """The share of `process_image` that its measures take, in per cent; once before, for what is compiled."""
    bodies = [file.read_bytes() for file in photographs[:_PHOTOGRAPHS]]
    settings, spent = DownloadSettings(image_size=256), Counter[str]()
    whole = timed("all", process_image, spent)
    measure, facts.measure_pixels = facts.measure_pixels, timed("measures", facts.measure_pixels, spent)
    cv2.setNumThreads(1)  # as decoders have it
    shares = []
    try:
        for _ in range(1 + _ROUNDS):
            spent.clear()
            for body in bodies:
                whole(body, settings)
            shares.append(100 * spent["measures"] / spent["all"])
    finally:
        facts.measure_pixels = measure
    return Figure("% of a decoder's CPU", statistics.median(shares[1:]), goal="<= 3")


def _made(captions: list[str], column: dict, home: Path) -> Callable[[], None]:
    """Returns what makes a column of captions, in a folder without any of it each time."""
    recipe = recipe_from({"name": "bench", "columns": column}, source="bench")
    columns = resolve(recipe.made_columns)
    urls = pa.array([f"http://e.org/{number}" for number in range(len(captions))])
    texts = pa.array(captions)
    languages = pa.array(["en"] * len(captions))
    rows = pa.record_batch({"uid": compute_uids(urls, texts), "url": urls, "caption": texts, "language": languages})
    runs = iter(range(1000))
    making = Making(RunFolder(""), columns, place_conditions(recipe, columns), Stage.TEXT_COLUMNS, read_texts)
    making.folder = RunFolder(str(home / "first"))
    making.of(rows.slice(0, 64), Place(0, 1))  # loads the model

    def make() -> None:
        making.folder = RunFolder(str(home / str(next(runs))))
        made = making.of(rows, Place(0, 1))
        assert len(made.kept) == len(rows)

    return make


def _compared(ours: Callable[[], None], bare: Callable[[], None], captions: int, goal: str) -> Figure:
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(_ROUNDS):
        for name, side in (("ours", ours), ("bare", bare)):
            started = time.process_time()
            side()
            seconds[name].append(time.process_time() - started)
    paces = {name: captions / statistics.median(values) for name, values in seconds.items()}
    ratio = median_ratio(seconds["bare"], seconds["ours"])
    return Figure("captions/CPU s", float(np.round(paces["ours"])), float(np.round(paces["bare"])), ratio, goal)
