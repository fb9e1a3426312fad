"""CLIP scoring of staged JPEG shards: against bare forward passes, and the same model in two peers; its memory.

The model is ViT-B-32 with random weights. Images and captions are drawn by the demo, or `PHOTOS=FOLDER` and
`CAPTIONS=FILE.parquet` name real ones; `PAIRS` and `MEMORY_PAIRS` say how many. Loading a model counts on no side.
Ours is the score stage in a Beam run over a run folder with staged images: reading them, decoding, tokenizing, both
towers, and storing scores and embeddings. Bare forward passes have whole batches of tensors in memory.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import apache_beam as beam
import cv2
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.metrics import MetricsFilter
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from benchmarks.outcome import Figure, Outcome, median_ratio
from benchmarks.own_process import peak_mib
from benchmarks.peers.environments import PeerError, run_peer
from benchmarks.photo_web import photo_web
from filters.clip import ClipScorer
from pipelines.demo.scenes import draw, make_scene
from pipelines.demo.web import build_web
from pipelines.download import DownloadImages
from pipelines.inputs import CAPTION_COLUMNS, plan_input
from pipelines.language import IdentifyLanguage
from pipelines.manifest import MANIFEST
from pipelines.read import ReadPairs
from pipelines.run import run as curate
from pipelines.run_folder import RunFolder
from pipelines.score import ScorePairs
from pipelines.score_models import load_scorer
from schemas import Recipe
from schemas.recipe import ClipModel, DownloadSettings, LanguageSettings

RUNS = 3
BATCH = 64
ARCHITECTURE = "ViT-B-32"
_FORWARD_GOAL, _PEER_GOAL, _MEMORY_GOAL = 0.95, 1.2, 1.1
_PEERS = ("clip_retrieval", "data_juicer_clip")
_DRAWN_IMAGES = 200
_DOWNLOAD = DownloadSettings(allow_addresses=("127.0.0.1/32",), ports=None, connections_per_host=64)


@dataclass(frozen=True)
class Staged:
    """A run folder with staged images, and the table that it came from."""

    folder: str
    table: str
    pairs: int


def run() -> Outcome:
    """Times all sides in turn, then runs two sizes for their memory."""
    pairs = int(os.environ.get("PAIRS", "512"))
    with tempfile.TemporaryDirectory() as home:
        photos, captions, source = _images_and_captions(Path(home))
        staged = _stage(f"{home}/staged", photos, captions, pairs)
        checkpoint = _random_checkpoint(Path(home))
        figures, left_out = {}, []
        figures |= _against_forward_passes(staged, checkpoint, home)
        for peer in _PEERS:
            goal = f">= {_PEER_GOAL}"
            try:
                figures |= _against_peer(peer, staged, checkpoint, home, goal)
            except PeerError as error:
                left_out.append(f"{peer} is left out: {error}")
                figures[f"beside_{peer}"] = Figure("pairs/s", goal=goal)
        figures["peak_memory"] = _memory(home, photos, captions)
    what = f"{pairs} pairs of {source}, batches of {BATCH}, medians of {RUNS} runs in turn; model {ARCHITECTURE}"
    return Outcome("clip_scoring", "\n".join([what, *left_out]), figures)


def score_stage(staged: Staged, model: ClipModel, output: str) -> float:
    """Runs the score stage over a copy of the staged folder; returns its seconds, a loaded model given."""
    shutil.rmtree(output, ignore_errors=True)
    shutil.copytree(staged.folder, output)
    folder = RunFolder(output)
    pipeline = beam.Pipeline(runner=FnApiRunner())
    read = pipeline | "Read" >> ReadPairs(plan_input([staged.table]))
    language = read.kept | "Language" >> IdentifyLanguage(LanguageSettings())
    partitions = folder.read_json(MANIFEST)["partitions"]
    download = language.kept | "Download" >> DownloadImages(folder, _DOWNLOAD, partitions)
    _ = download.kept | "Score" >> ScorePairs(folder, (model,))
    counters = pipeline.run().metrics().query(MetricsFilter().with_namespace("score"))["counters"]
    found = {one.key.metric.name: one.result for one in counters}
    if found.get("scored_rows") != staged.pairs:
        raise AssertionError(f"{found.get('scored_rows')} pairs scored, not {staged.pairs}")
    return found["score_msec"] / 1000


def _model(checkpoint: str, precision: str) -> ClipModel:
    return ClipModel(model=ARCHITECTURE, pretrained=checkpoint, precision=precision, batch_size=BATCH, name="bench")


def _against_forward_passes(staged: Staged, checkpoint: str, home: str) -> dict[str, Figure]:
    figures = {}
    for precision in ("fp32", "auto"):
        model = _model(checkpoint, precision)
        scorer = load_scorer(model)
        passes = _forward_passes(scorer, staged.pairs)
        ours, bare = [], []
        for _ in range(RUNS):
            ours.append(score_stage(staged, model, f"{home}/run"))
            bare.append(passes())
        pace = (staged.pairs / statistics.median(seconds) for seconds in (ours, bare))
        name = f"beside_forward_passes_{scorer.info['precision']}"
        figures.setdefault(name, Figure("pairs/s", *pace, median_ratio(bare, ours), f">= {_FORWARD_GOAL}"))
    return figures


def _forward_passes(scorer: ClipScorer, pairs: int) -> Callable[[], float]:
    """Returns what times both towers on `pairs` rows of tensors that are in memory."""
    import open_clip
    import torch

    module, precision = scorer.model.module, scorer.info["precision"]
    side = scorer.info["architecture"]["vision_cfg"]["image_size"]
    pixels = torch.rand(BATCH, 3, side, side).to(open_clip.get_input_dtype(precision) or torch.float32)
    tokens = open_clip.get_tokenizer(ARCHITECTURE)(["a photograph of a dog in the snow"] * BATCH)

    def passes() -> float:
        started = time.perf_counter()
        with torch.inference_mode():
            for start in range(0, pairs, BATCH):
                rows = min(BATCH, pairs - start)
                image = module.encode_image(pixels[:rows], normalize=True)
                text = module.encode_text(tokens[:rows], normalize=True)
                (image * text).sum(dim=1).float().numpy()
        return time.perf_counter() - started

    passes()
    return passes


def _against_peer(peer: str, staged: Staged, checkpoint: str, home: str, goal: str) -> dict[str, Figure]:
    """Both sides at fp32, which is all that the peers have on a CPU; and ours as it comes, for comparison."""
    at_fp32, as_it_comes, theirs = [], [], []
    for _ in range(RUNS):
        at_fp32.append(score_stage(staged, _model(checkpoint, "fp32"), f"{home}/run"))
        as_it_comes.append(score_stage(staged, _model(checkpoint, "auto"), f"{home}/run"))
        theirs.append(
            run_peer(peer, f"{peer}_scores.py", f"{staged.folder}/staging/images", checkpoint, str(BATCH))["seconds"]
        )
    figures = {}
    for name, ours, wanted in ((f"beside_{peer}_fp32", at_fp32, None), (f"beside_{peer}", as_it_comes, goal)):
        pace = (staged.pairs / statistics.median(seconds) for seconds in (ours, theirs))
        figures[name] = Figure("pairs/s", *pace, median_ratio(theirs, ours), wanted)
    return figures


def _memory(home: str, photos: str, captions: list[str]) -> Figure:
    """Peak memory of a process that scores more pairs with the demo's model, beside one that scores fewer."""
    few, many = (int(size) for size in os.environ.get("MEMORY_PAIRS", "5000,50000").split(","))
    peaks = []
    for pairs in (few, many):
        staged = _stage(f"{home}/memory", photos, captions, pairs)
        command = [sys.executable, "-m", "benchmarks.clip_scoring", staged.folder, staged.table, str(pairs)]
        finished = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        peaks.append(float(finished.stdout.split()[-1]))
        shutil.rmtree(f"{home}/memory")
    return Figure(f"MB with {many} pairs, peer: {few}", peaks[1], peaks[0], peaks[1] / peaks[0], f"<= {_MEMORY_GOAL}")


def _stage(folder: str, photos: str, captions: list[str], pairs: int) -> Staged:
    """Downloads the photos of a loopback web into a run folder's staging shards."""
    table = f"{folder}-pairs.parquet"
    with photo_web(photos) as base_url:
        urls = [f"{base_url}/{number}.jpg" for number in range(pairs)]
        texts = [captions[number % len(captions)] for number in range(pairs)]
        pq.write_table(pa.table({"url": urls, "caption": texts}), table)
        recipe = Recipe(name="staging", download=_DOWNLOAD, dedup_images={"exact": False})
        funnel = curate(recipe, [table], folder)
    shutil.rmtree(f"{folder}/shards")
    return Staged(folder, table, funnel.kept_rows)


def _images_and_captions(home: Path) -> tuple[str, list[str], str]:
    captions, photos = [pair.caption for pair in build_web(0, 3000).pairs], os.environ.get("PHOTOS")
    if given := os.environ.get("CAPTIONS"):
        column = next(name for name in CAPTION_COLUMNS if name in pq.read_schema(given).names)
        captions = pq.read_table(given, columns=[column]).column(0).drop_null().to_pylist()
    if photos is None:
        photos = str(home / "photos")
        Path(photos).mkdir()
        rng = Random(0)
        for number in range(_DRAWN_IMAGES):
            cv2.imwrite(f"{photos}/{number}.jpg", draw(make_scene(rng))[..., ::-1])
    captions = [caption for caption in captions if caption.strip()]
    return photos, captions, f"{os.environ.get('PHOTOS', 'the demo')} and {given or 'the demo'}"


def _random_checkpoint(home: Path) -> str:
    """Writes the model's weights, drawn by lot, and the vocabulary in the files that the peers' tokenizers read."""
    import open_clip
    import torch

    torch.manual_seed(0)
    path = home / "random.pt"
    config = open_clip.get_model_config(ARCHITECTURE)
    torch.save(open_clip.CLIP(**config).state_dict(), path)
    tokenizer = open_clip.get_tokenizer(ARCHITECTURE)
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {names.get(token, token): number for token, number in tokenizer.encoder.items()}
    (home / "vocab.json").write_text(json.dumps(vocabulary))
    with gzip.open(open_clip.tokenizer.default_bpe(), "rt", encoding="utf-8") as file:
        merges = file.read().split("\n")
    (home / "merges.txt").write_text("\n".join(["#version: 0.2", *merges[1 : len(tokenizer.bpe_ranks) + 1]]))
    return str(path)


def _print_peak(folder: str, table: str, pairs: str) -> None:
    score_stage(Staged(folder, table, int(pairs)), ClipModel(model="babelsift-demo"), f"{folder}-run")
    shutil.rmtree(f"{folder}-run")
    print(peak_mib())


if __name__ == "__main__":
    _print_peak(*sys.argv[1:])
