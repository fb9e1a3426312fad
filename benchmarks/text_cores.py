"""The text stages on one core and on two: rules, language and metadata matching of the same batches in one process.

Each run is a process of its own, bound to its cores before it begins, the two in turn; batches are drawn before the
clock starts. The goal is about the median of the rounds' ratios.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.core.runners.run_job import run_job
from babelsift.pipelines.core.stage_outputs import REJECTED
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.concept_matching import MatchConcepts
from babelsift.pipelines.stages.language import IdentifyLanguage
from babelsift.pipelines.stages.rules import FilterPairs
from babelsift.schemas.recipe import CaptionRules, ConceptSettings, LanguageSettings, UrlRules
from benchmarks.harness.in_this_process import remember_rows, remembered
from benchmarks.harness.outcome import Figure, Outcome, median_ratio
from benchmarks.harness.own_process import in_process, medians
from benchmarks.workloads.drawn_pairs import BATCH_ROWS, draw_pairs, entries

ROWS, ROUNDS = 200_000, 5
_DRAWN: list[pa.RecordBatch] = []


def run() -> Outcome:
    """Runs both in turn."""
    found: dict[int, list[dict]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for cores, measured in found.items():
            measured.append(in_process(__name__, "measure", cores, ROWS))
    paces = {cores: [ROWS / run["seconds"] for run in runs] for cores, runs in found.items()}
    two, one = (medians(found[cores]) for cores in (2, 1))
    figures = {
        "rows_per_s": Figure(
            "rows/s", ROWS / two["seconds"], ROWS / one["seconds"], median_ratio(paces[2], paces[1]), ">= 1.8"
        ),
        "cpu": Figure("s", two["cpu_s"], one["cpu_s"], two["cpu_s"] / one["cpu_s"]),
    }
    return Outcome("text_cores", f"{ROWS} drawn pairs through rules, language, metadata; peer: on one core", figures)


def measure(cores: int, rows: int) -> None:
    """Runs the stages on so many cores and prints what they took as one JSON line."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    _DRAWN.extend(draw_pairs(first) for first in range(0, rows, BATCH_ROWS))
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as concepts:
        json.dump(entries(), concepts)
        concepts.flush()
        run_job(_TextStages(2, concepts.name), "Warm", PipelineOptions([]))
        remembered()
        started, used = time.monotonic(), time.process_time()
        run_job(_TextStages(len(_DRAWN), concepts.name), "Text", PipelineOptions([]))
    figures = {"seconds": time.monotonic() - started, "cpu_s": time.process_time() - used}
    print(json.dumps({**figures, "kept": remembered()[-1]}))


@dataclass
class _TextStages(Transform):
    batches: int
    concepts: str

    def expand(self, pbegin: beam.pvalue.PBegin) -> None:
        numbers = pbegin | beam.Create(range(self.batches), reshuffle=False)
        pairs = numbers | "Drawn" >> beam.Map(_drawn).with_output_types(pa.RecordBatch)
        captions = CaptionRules(min_words=3, min_characters=10, reject_urls=True, reject_boilerplate=True)
        rules = pairs | "Rules" >> FilterPairs(captions, UrlRules())
        language = rules.kept | "Language" >> IdentifyLanguage(LanguageSettings())
        metadata = language.kept | "Metadata" >> MatchConcepts(ConceptSettings(entries=self.concepts))
        for number, stage in enumerate((rules, language, metadata)):
            _ = stage[REJECTED] | f"Drop{number}" >> beam.FlatMap(lambda _: ())
        remember_rows(metadata.kept)


def _drawn(number: int) -> pa.RecordBatch:
    return _DRAWN[number]
