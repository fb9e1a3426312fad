"""The similarity at which each top fraction begins: to a bin by mergeable histograms, or exactly by radix select."""

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
from babelsift.pipelines.core.groups.radix_select import GroupKeys, RadixSelect, SelectedKeys
from babelsift.pipelines.core.transform import Transform, single_element

Histograms = dict[str, Histogram]  # language -> histogram


@dataclass
class FractionThresholds(Transform):
    """Finds the threshold of every top fraction that a selector asks for: one dict of them.

    Input: batches with `language` and the similarity columns.

    Attributes:
        selector: whose settings ask for the fractions.
    """

    selector: Selector

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[Thresholds]:
        """Counts keys or bins of the groups that fractions are asked of; nothing where none is."""
        if not self.selector.choices():
            return single_element(batches, "NoFractions", {})
        if self.selector.settings.exact_fractions:
            digits = SCORE_BITS // 16
            return (
                batches
                | "Keys" >> beam.Map(fraction_keys, self.selector).with_output_types(dict)
                | "Rank" >> RadixSelect(FractionRank(), digits)
                | "Exact" >> beam.Map(exact_thresholds)
            )
        return (
            batches
            | "OfBatch" >> beam.Map(_histograms_by_choice, self.selector).with_output_types(dict)
            | "Merge" >> beam.CombineGlobally(_merge_by_choice)
            | "Binned" >> beam.Map(_binned, self.selector)
        )


@dataclass
class SimilarityHistograms(Transform):
    """Sums up {language: histogram} of one model's similarities; one element.

    Attributes:
        model: its name.
    """

    model: str

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[Histograms]:
        """Makes a histogram a batch and merges them."""
        choice = ScoreChoice.of(self.model, ())
        return (
            batches
            | "OfBatch" >> beam.Map(histograms_of, choice).with_output_types(dict)
            | "Merge" >> beam.CombineGlobally(merge_by_language)
        )


def merge_by_language(histograms: Iterable[Histograms]) -> Histograms:
    """Returns the sum of {language: histogram}s."""
    by_language: dict[str, list[Histogram]] = {}
    for of_batch in histograms:
        for language, histogram in of_batch.items():
            by_language.setdefault(language, []).append(histogram)
    return {language: merge(of_language) for language, of_language in by_language.items()}


def fraction_keys(batch: pa.RecordBatch, selector: Selector) -> GroupKeys:
    """Returns, for each fraction that rows of the batch count for, the packed keys of its scored rows."""
    keys: GroupKeys = {}
    languages = np.array(batch.column("language").to_pylist(), dtype=object)
    for choice in selector.choices():
        scores = choice.scores(batch)
        scored = ~np.isnan(scores)
        order = highest_first(scores).astype(np.uint64) << np.uint64(SCORE_BITS)
        for language in [EVERY_LANGUAGE, *sorted(set(languages[scored]))]:
            rows = scored if language == EVERY_LANGUAGE else scored & (languages == language)
            for fraction in selector.fractions(choice, language) if rows.any() else ():
                keys[_group_of(fraction)] = order[rows].tobytes()
    return keys


@dataclass(frozen=True)
class FractionRank:
    """The rank of the last score that a fraction keeps: DataComp's sorted-descending index int(n * fraction)."""

    def __call__(self, group: str, rows: int) -> int:
        """Returns the rank; at a fraction of 1 that of the lowest score."""
        return min(int(rows * json.loads(group)[2]), rows - 1)


def exact_thresholds(selected: SelectedKeys) -> Thresholds:
    """Returns the thresholds at the scores of the selected keys."""
    return {_fraction_of(group): Threshold(score_at(key >> SCORE_BITS)) for group, (key, _, _) in selected.items()}


def exact_thresholds_of(batch: pa.RecordBatch, selector: Selector) -> Thresholds:
    """Returns the threshold of every fraction that a selector asks for, of a batch that is all there is.

    Args:
        batch: has `language` and the similarity columns.
        selector: its settings ask for the fractions.
    """
    thresholds: Thresholds = {}
    for group, packed in fraction_keys(batch, selector).items():
        keys = np.frombuffer(packed, np.uint64)
        rank = FractionRank()(group, len(keys))
        key = int(np.partition(keys, rank)[rank])
        thresholds[_fraction_of(group)] = Threshold(score_at(key >> SCORE_BITS))
    return thresholds


def _group_of(fraction: TopFraction) -> str:
    return json.dumps([fraction.choice.models, fraction.language, fraction.fraction])


def _fraction_of(group: str) -> TopFraction:
    models, language, fraction = json.loads(group)
    return TopFraction(ScoreChoice(tuple(map(tuple, models))), language, fraction)


def _histograms_by_choice(batch: pa.RecordBatch, selector: Selector) -> dict[ScoreChoice, Histograms]:
    return {choice: histograms_of(batch, choice) for choice in selector.choices()}


def _merge_by_choice(histograms: Iterable[dict[ScoreChoice, Histograms]]) -> dict[ScoreChoice, Histograms]:
    by_choice: dict[ScoreChoice, list[Histograms]] = {}
    for of_batch in histograms:
        for choice, of_choice in of_batch.items():
            by_choice.setdefault(choice, []).append(of_choice)
    return {choice: merge_by_language(of_choice) for choice, of_choice in by_choice.items()}


def _binned(histograms: dict[ScoreChoice, Histograms], selector: Selector) -> Thresholds:
    return binned_thresholds(selector, histograms)
