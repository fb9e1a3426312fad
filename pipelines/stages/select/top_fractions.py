"""The thresholds of top fractions: by mergeable histograms, or at the very value by counting digits of the scores."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.selection import (
    EVERY_LANGUAGE,
    SCORE_BITS,
    Histogram,
    ScoreChoice,
    Selector,
    Threshold,
    Thresholds,
    TopFraction,
    binned_thresholds,
    highest_first,
    histograms_of,
    merge,
    score_at,
)
from babelsift.pipelines.core.radix_select import GroupKeys, RadixSelect, SelectedKeys
from babelsift.pipelines.core.transform import Transform

Histograms = dict[str, Histogram]  # language -> histogram


@dataclass
class FractionThresholds(Transform):
    """Finds the threshold of every top fraction that a selector asks for: one dict of them.

    Input: batches with `language` and the similarity columns.
    """

    selector: Selector

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[Thresholds]:
        """Counts what is asked for, and nothing where no fraction is."""
        if not self.selector.choices():
            return batches.pipeline | "NoFractions" >> beam.Create([{}], reshuffle=False)
        if self.selector.settings.exact_fractions:
            digits = SCORE_BITS // 16
            return (
                batches
                | "Keys" >> beam.Map(fraction_keys, self.selector).with_output_types(dict)
                | "Rank" >> RadixSelect(FractionRank(), digits)
                | "Exact" >> beam.Map(exact_thresholds, self.selector)
            )
        return (
            batches
            | "OfBatch" >> beam.Map(_histograms_by_choice, self.selector).with_output_types(dict)
            | "Merge" >> beam.CombineGlobally(_merge_by_choice)
            | "Binned" >> beam.Map(_binned, self.selector)
        )


@dataclass
class SimilarityHistograms(Transform):
    """Sums up {language: histogram} of one model's similarities; one element."""

    model: str

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[Histograms]:
        """Makes a histogram a batch and merges them."""
        choice = ScoreChoice.of(self.model, ())
        return (
            batches
            | "OfBatch" >> beam.Map(histograms_of, choice).with_output_types(dict)
            | "Merge" >> beam.CombineGlobally(merge_by_language)
        )


def merge_by_language(parts: Iterable[Histograms]) -> Histograms:
    """Returns the sum of {language: histogram}s."""
    together: dict[str, list[Histogram]] = {}
    for part in parts:
        for language, histogram in part.items():
            together.setdefault(language, []).append(histogram)
    return {language: merge(histograms) for language, histograms in together.items()}


def fraction_keys(batch: pa.RecordBatch, selector: Selector) -> GroupKeys:
    """Returns, for each fraction that the batch has a part in, the packed keys of its scored rows."""
    keys: GroupKeys = {}
    languages = np.array(batch.column("language").to_pylist(), dtype=object)
    for choice in selector.choices():
        scores = choice.scores(batch)
        scored = ~np.isnan(scores)
        own = highest_first(scores).astype(np.uint64) << np.uint64(SCORE_BITS)
        for language in [EVERY_LANGUAGE, *sorted(set(languages[scored]))]:
            rows = scored if language == EVERY_LANGUAGE else scored & (languages == language)
            for asked in selector.fractions(choice, language) if rows.any() else ():
                keys[_group(asked)] = own[rows].tobytes()
    return keys


@dataclass(frozen=True)
class FractionRank:
    """The rank of the last score that a fraction keeps: DataComp's sorted-descending index int(n * fraction)."""

    def __call__(self, group: str, rows: int) -> int:
        """Returns the rank; at a fraction of 1 that of the lowest score."""
        return min(int(rows * json.loads(group)[2]), rows - 1)


def exact_thresholds(found: SelectedKeys, selector: Selector) -> Thresholds:
    """Returns the thresholds at the scores that were found."""
    return {_fraction(group): Threshold(score_at(key >> SCORE_BITS)) for group, (key, _, _) in found.items()}


def _group(asked: TopFraction) -> str:
    return json.dumps([asked.choice.models, asked.language, asked.fraction])


def _fraction(group: str) -> TopFraction:
    models, language, fraction = json.loads(group)
    return TopFraction(ScoreChoice(tuple(map(tuple, models))), language, fraction)


def _histograms_by_choice(batch: pa.RecordBatch, selector: Selector) -> dict[ScoreChoice, Histograms]:
    return {choice: histograms_of(batch, choice) for choice in selector.choices()}


def _merge_by_choice(parts: Iterable[dict[ScoreChoice, Histograms]]) -> dict[ScoreChoice, Histograms]:
    parts = list(parts)
    choices = dict.fromkeys(choice for part in parts for choice in part)
    return {choice: merge_by_language(part.get(choice, {}) for part in parts) for choice in choices}


def _binned(histograms: dict[ScoreChoice, Histograms], selector: Selector) -> Thresholds:
    return binned_thresholds(selector, histograms)
