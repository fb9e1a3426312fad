"""CLIP scoring of staged JPEG shards: against bare forward passes, and the same model in two peers; its memory.

The model is ViT-B-32 with random weights. Images and captions are drawn by the demo, or `PHOTOS=FOLDER` and
`CAPTIONS=FILE.parquet` name real ones. `PARTS` names some of forward_fp32, forward_bf16, clip_retrieval,
data_juicer_clip, memory; each prints what it finds as it goes. `PAIRS` and `RUNS` are of the forward parts,
`PEER_PAIRS` and `PEER_RUNS` of the peers, which have `PEER_LIMIT_S` a run; `MEMORY_PAIRS=FEW,MANY`.

Loading a model counts on no side. Ours is the score stage in a Beam run over a run folder with staged images: reading
them, decoding, tokenizing, both towers, and storing scores and embeddings. Bare forward passes have whole batches of
tensors in memory, and are those of the model as open_clip makes it, not of the one that we changed.
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

from babelsift.pipelines.demo.scenes import draw, make_scene
from babelsift.pipelines.demo.web import build_web
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.slices import CAPTION_COLUMNS
from babelsift.pipelines.job.run import run as curate
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import MANIFEST
from babelsift.pipelines.stages.download.download_images import DownloadImages
from babelsift.pipelines.stages.language import IdentifyLanguage
from babelsift.pipelines.stages.read import ReadPairs
from babelsift.pipelines.stages.score.score_pairs import ScorePairs
from babelsift.schemas import Recipe
from babelsift.schemas.recipe import ClipModel, DownloadSettings, LanguageSettings
from benchmarks.harness.outcome import Figure, Outcome, median_ratio
from benchmarks.harness.own_process import peak_mib
from benchmarks.peers.environments import PeerError, run_peer
from benchmarks.workloads.photo_web import photo_web

BATCH = 64
ARCHITECTURE = "ViT-B-32"
PEERS = ("clip_retrieval", "data_juicer_clip")
PARTS = ("forward_fp32", "forward_bf16", *PEERS, "memory")
_FORWARD_GOAL, _PEER_GOAL, _MEMORY_GOAL = 0.95, 1.2, 1.1
_DRAWN_IMAGES = 200
_DOWNLOAD = DownloadSettings(allow_addresses=("127.0.0.1/32",), ports=None, connections_per_host=64)


@dataclass(frozen=True)
class Staged:
    """A run folder with staged images, and the table that it came from."""

    folder: str
    table: str
    pairs: int


def run() -> Outcome:
    """Times the parts that are asked for, both sides of each in turn."""
    parts = os.environ.get("PARTS", ",".join(PARTS)).split(",")
    if unknown := sorted(set(parts) - set(PARTS)):
        raise ValueError(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    figures, left_out = {}, []
    with tempfile.TemporaryDirectory() as home:
        photos, captions, source = _images_and_captions(Path(home))
        checkpoint = _random_checkpoint(Path(home)) if parts != ["memory"] else ""
        if precisions := [part.removeprefix("forward_") for part in parts if part.startswith("forward_")]:
            staged = _stage(f"{home}/staged", photos, captions, _number("PAIRS", 512))
            for precision in precisions:
                figures |= _against_forward_passes(staged, checkpoint, home, precision)
            shutil.rmtree(staged.folder)
        if peers := [part for part in parts if part in PEERS]:
            staged = _stage(f"{home}/peers", photos, captions, _number("PEER_PAIRS", 96))
            for peer in peers:
                try:
                    figures |= _against_peer(peer, staged, checkpoint, home)
                except PeerError as error:
                    _say(f"{peer} is left out: {error}")
                    left_out.append(f"{peer} is left out: {error}")
                    figures[f"beside_{peer}"] = Figure("pairs/s", goal=f">= {_PEER_GOAL}")
        if "memory" in parts:
            figures["peak_memory"] = _memory(home, photos, captions)
    what = f"{', '.join(parts)}; {source}, batches of {BATCH}, medians of runs in turn; model {ARCHITECTURE}"
    return Outcome("clip_scoring", "\n".join([what, *left_out]), figures)


def _say(text: str) -> None:
    print(f"clip_scoring: {text}", flush=True)


def _number(name: str, default: int) -> int:
    return int(os.environ.get(name, default))


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


def _against_forward_passes(staged: Staged, checkpoint: str, home: str, precision: str) -> dict[str, Figure]:
    model = _model(checkpoint, precision)
    passes = _forward_passes(checkpoint, precision, staged.pairs)
    ours, bare = [], []
    name = f"beside_forward_passes_{precision}"
    for number in range(_number("RUNS", 3)):
        ours.append(score_stage(staged, model, f"{home}/run"))
        bare.append(passes())
        seconds = f"ours {ours[-1]:.1f} s, bare {bare[-1]:.1f} s"
        _say(f"{name}, round {number + 1}: {staged.pairs} pairs, {seconds}, ratio {bare[-1] / ours[-1]:.3f}")
    pace = (staged.pairs / statistics.median(seconds) for seconds in (ours, bare))
    return {name: Figure("pairs/s", *pace, median_ratio(bare, ours), f">= {_FORWARD_GOAL}")}


def _forward_passes(checkpoint: str, precision: str, pairs: int) -> Callable[[], float]:
    """Returns what times both towers on `pairs` rows of tensors that are in memory."""
    import open_clip
    import torch

    module = open_clip.create_model(ARCHITECTURE, checkpoint, precision=precision).eval()
    side = open_clip.get_model_config(ARCHITECTURE)["vision_cfg"]["image_size"]
    pixels = torch.rand(BATCH, 3, side, side).to(open_clip.get_input_dtype(precision) or torch.float32)
    tokens = open_clip.get_tokenizer(ARCHITECTURE)(["a photograph of a dog in the snow"] * BATCH)

    def passes(pairs: int = pairs) -> float:
        started = time.perf_counter()
        with torch.inference_mode():
            for start in range(0, pairs, BATCH):
                rows = min(BATCH, pairs - start)
                image = module.encode_image(pixels[:rows], normalize=True)
                text = module.encode_text(tokens[:rows], normalize=True)
                (image * text).sum(dim=1).float().numpy()
        return time.perf_counter() - started

    passes(BATCH)
    return passes


def _against_peer(peer: str, staged: Staged, checkpoint: str, home: str) -> dict[str, Figure]:
    """Both sides at fp32, which is all that the peers have on a CPU; and ours as it comes, for comparison."""
    at_fp32, as_it_comes, theirs = [], [], []
    arguments = (f"{peer}_scores.py", f"{staged.folder}/staging/images", checkpoint, str(BATCH))
    for number in range(_number("PEER_RUNS", 1)):
        at_fp32.append(score_stage(staged, _model(checkpoint, "fp32"), f"{home}/run"))
        as_it_comes.append(score_stage(staged, _model(checkpoint, "auto"), f"{home}/run"))
        seconds = f"ours {at_fp32[-1]:.1f} s at fp32, {as_it_comes[-1]:.1f} s as it comes"
        _say(f"beside_{peer}, round {number + 1}: {staged.pairs} pairs, {seconds}; the peer starts")
        theirs.append(run_peer(peer, *arguments, limit_s=_number("PEER_LIMIT_S", 420))["seconds"])
        _say(f"beside_{peer}, round {number + 1}: {theirs[-1]:.1f} s")
    figures = {}
    goal = f">= {_PEER_GOAL}"
    for name, ours, wanted in ((f"beside_{peer}_fp32", at_fp32, goal), (f"beside_{peer}", as_it_comes, goal)):
        pace = (staged.pairs / statistics.median(seconds) for seconds in (ours, theirs))
        figures[name] = Figure("pairs/s", *pace, median_ratio(theirs, ours), wanted)
    return figures


def _memory(home: str, photos: str, captions: list[str]) -> Figure:
    """Peak memory of a process that scores more pairs with the demo's model, beside one that scores fewer."""
    few, many = (int(size) for size in os.environ.get("MEMORY_PAIRS", "5000,50000").split(","))
    peaks = []
    for pairs in (few, many):
        staged = _stage(f"{home}/memory", photos, captions, pairs)
        _say(f"memory: {staged.pairs} pairs are staged")
        command = [sys.executable, "-m", "benchmarks.clip_scoring", staged.folder, staged.table, str(staged.pairs)]
        finished = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        peaks.append(float(finished.stdout.split()[-1]))
        _say(f"memory: {staged.pairs} pairs, peak {peaks[-1]:.0f} MiB")
        shutil.rmtree(staged.folder)
    return Figure(f"MiB with {many} pairs, peer: {few}", peaks[1], peaks[0], peaks[1] / peaks[0], f"<= {_MEMORY_GOAL}")


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
