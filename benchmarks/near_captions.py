"""Near-duplicate captions: rows a second and recall, beside datatrove's MinHash deduplication on the same captions.

Captions are drawn in families: one of made-up words, and in half of the families others that differ from it in case,
a letter, a word or a suffix. Recall is of the pairs within a family that are as similar as asked for, by brute force:
of how many at least one was left out. A caption left out in vain is one that no kept caption is that similar to.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.filters.dedup import comparable_captions
from babelsift.pipelines.stages.dedup.pairs import DedupPairs
from babelsift.schemas.recipe import DedupPairsSettings, NearCaptions
from benchmarks.harness.in_this_process import remember, remembered
from benchmarks.harness.outcome import Figure, Outcome, alternating, median_ratio
from benchmarks.peers.environments import PeerError, run_peer
from benchmarks.workloads.read_pairs import read_pairs

CAPTIONS = 20_000
RUNS = 3
_BATCH_ROWS = 4096
_SETTINGS = NearCaptions()
_LETTERS = "abcdefghijklmnoprstuvz"


def run() -> Outcome:
    """Times both sides in turn on the same captions, and compares what they left out with the truth."""
    captions, families = draw_captions(CAPTIONS)
    batches = list(_batches(captions))
    truth = near_pairs_of(captions, families)
    kept = _deduplicate(batches)
    figures, left_out = {}, ""
    ours = alternating({"ours": lambda: _deduplicate(batches)}, runs=1)["ours"]
    theirs: list[float] = []
    peer_kept: set[int] = set()
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "captions.json"
        file.write_text(json.dumps(captions))
        try:
            for _ in range(RUNS):
                found = run_peer("datatrove_minhash", "datatrove_minhash_filters.py", str(file), "1")
                theirs.append(found["seconds"][0])
                peer_kept = set(found["kept"])
                ours += alternating({"ours": lambda: _deduplicate(batches)}, runs=1)["ours"]
        except PeerError as error:
            left_out = f"; datatrove is left out: {error}"
    pace = CAPTIONS / statistics.median(ours)
    peer_pace, ratio = (CAPTIONS / statistics.median(theirs), median_ratio(theirs, ours[1:])) if theirs else (None,) * 2
    figures["captions_per_s"] = Figure("captions/s", pace, peer_pace, ratio)
    sides = [_judged(truth, kept), _judged(truth, peer_kept) if theirs else (None, None)]
    for place, (name, unit) in enumerate((("recall", "of near pairs"), ("left_out_in_vain", "captions"))):
        figures[name] = Figure(unit, *(side[place] for side in sides))
    what = (
        f"{CAPTIONS} captions, {len(truth)} pairs of Jaccard >= {_SETTINGS.min_jaccard}, medians of {RUNS} rounds, one "
        "process a side; ours through Beam, datatrove's steps without its executor"
    )
    return Outcome("near_captions", what + left_out, figures)


def draw_captions(count: int) -> tuple[list[str], list[int]]:
    """Returns captions, shuffled, and the number of each one's family."""
    draw = random.Random(0)
    words = ["".join(draw.choices(_LETTERS, k=draw.randint(2, 9))) for _ in range(20_000)]
    drawn: list[tuple[str, int]] = []
    for family in itertools.count():
        if len(drawn) >= count:
            break
        base = " ".join(draw.choices(words, k=draw.randint(6, 16)))
        variants = draw.choice((0, 0, 1, 2, 4))
        drawn += [(text, family) for text in [base, *(_varied(base, words, draw) for _ in range(variants))]]
    draw.shuffle(drawn)
    drawn = drawn[:count]
    return [text for text, _ in drawn], [family for _, family in drawn]


def near_pairs_of(captions: list[str], families: list[int]) -> dict[tuple[int, int], float]:
    """Returns the pairs of one family that are as similar as asked for, by sets of strings: {pair: similarity}."""
    compared = comparable_captions(pa.array(captions)).to_pylist()
    size = _SETTINGS.ngram
    sets = [{f" {text} "[at : at + size] for at in range(len(text) + 3 - size)} for text in compared]
    members = defaultdict(list)
    for number, family in enumerate(families):
        members[family].append(number)
    pairs = (pair for together in members.values() for pair in itertools.combinations(together, 2))
    measured = {(a, b): len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs}
    return {pair: similarity for pair, similarity in measured.items() if similarity >= _SETTINGS.min_jaccard}


def _judged(truth: dict[tuple[int, int], float], kept: set[int]) -> tuple[float, int]:
    """(recall, captions left out in vain)"""
    near = defaultdict(set)
    for one, other in truth:
        near[one].add(other)
        near[other].add(one)
    found = sum(1 for one, other in truth if not (one in kept and other in kept))
    vain = sum(1 for number in range(CAPTIONS) if number not in kept and not near[number] & kept)
    return found / len(truth), vain


def _varied(base: str, words: list[str], draw: random.Random) -> str:
    kind = draw.randrange(4)
    if kind == 0:
        return base.title() + "!"
    if kind == 1:
        place = draw.randrange(len(base))
        return base[:place] + draw.choice(_LETTERS) + base[place + 1 :]
    parts = base.split()
    if kind == 2:
        parts[draw.randrange(len(parts))] = draw.choice(words)
        return " ".join(parts)
    return f"{base} - {draw.choice(words)}"


def _batches(captions: list[str]) -> list[pa.RecordBatch]:
    urls = [f"https://example.com/{number}.jpg" for number in range(len(captions))]
    whole = read_pairs(urls, captions, np.arange(len(captions)))
    return [whole.slice(start, _BATCH_ROWS) for start in range(0, len(whole), _BATCH_ROWS)]


def _deduplicate(batches: list[pa.RecordBatch]) -> set[int]:
    """Returns the rows that are kept."""
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        rows = pipeline | beam.Create(batches, reshuffle=False).with_output_types(pa.RecordBatch)
        outputs = rows | DedupPairs(DedupPairsSettings(near_captions=_SETTINGS), 1)
        _ = outputs.kept | "Keep" >> beam.Map(remember)
    return {row for batch in remembered() for row in batch.column("source_row").to_pylist()}
