"""Metadata matching: the time to build the automaton of 500 000 entries, and captions a second, beside plain search."""

from __future__ import annotations

import random
import statistics
import time

import pyarrow as pa

from babelsift.filters.concepts import ConceptMatcher, space_captions
from benchmarks.harness.outcome import Figure, Outcome

_ENTRIES, _CAPTIONS, _PLAIN_CAPTIONS, _RUNS = 500_000, 10_000, 20, 5


def run() -> Outcome:
    """Makes entries and captions from one vocabulary and matches them."""
    draw = random.Random(0)
    syllables = [one + two for one in "bdfgklmnprstvz" for two in "aeiou"]
    words = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(60_000)]
    entries = sorted({" ".join(draw.choices(words, k=draw.choice((1, 2, 2, 3)))) for _ in range(700_000)})
    entries = draw.sample(entries, _ENTRIES)
    captions = pa.array([" ".join(draw.choices(words, k=10)) for _ in range(_CAPTIONS)])
    languages = pa.array(["en"] * _CAPTIONS)

    started = time.process_time()
    matcher = ConceptMatcher({"": entries})
    matcher.load()
    built = time.process_time() - started
    seconds = []
    for _ in range(_RUNS):
        started = time.process_time()
        matcher.match(captions, languages)
        seconds.append(time.process_time() - started)
    pace = _CAPTIONS / statistics.median(seconds)

    started = time.process_time()
    spaced = [f" {entry} " for entry in entries]
    for caption in space_captions(captions[:_PLAIN_CAPTIONS]).to_pylist():
        _ = [number for number, entry in enumerate(spaced) if entry in caption]
    plain = _PLAIN_CAPTIONS / (time.process_time() - started)
    outcome = Outcome("metadata_matching", f"{_ENTRIES} entries, {_CAPTIONS} captions of 10 words, one core")
    outcome.figures["build"] = Figure("s of CPU time", ours=built)
    outcome.figures["match"] = Figure("captions/s", ours=pace, peer=plain, ratio=pace / plain)
    return outcome
