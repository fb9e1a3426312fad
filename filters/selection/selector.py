"""Decides which scored pairs an expression of select rules keeps, batch by batch, given the fractions' thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from babelsift.filters.rules import reject_by_captions
from babelsift.filters.selection.conditions import reject_by_condition
from babelsift.filters.selection.histogram import Histogram, lower_edge, merge, top_fraction_bin
from babelsift.filters.selection.score_choice import ScoreChoice, rows_by_language
from babelsift.filters.selection.thresholds import EVERY_LANGUAGE, Threshold, Thresholds, TopFraction
from babelsift.schemas import ColumnReason, Decision, RejectReason
from babelsift.schemas.recipe import ModelChoice, SelectRule, SelectSettings, setting_for

ChoiceHistograms = Mapping[ScoreChoice, Mapping[str, Histogram]]  # choice -> language -> histogram


@dataclass
class Selector:
    """Judges batches by a recipe's select settings.

    Attributes:
        settings: the recipe's select group.
        names: the CLIP models' names, in order.
        thresholds: of every fraction that the settings ask for; a fraction without one had no scored pair, so that no
            pair reaches it.
        reasons: column -> the reason of rows that a condition on it leaves out, where it has one of its own.
    """

    settings: SelectSettings
    names: tuple[str, ...]
    thresholds: Thresholds = field(default_factory=dict)
    reasons: Mapping[str, ColumnReason] = field(default_factory=dict)

    @property
    def choice(self) -> ScoreChoice | None:
        """The choice of a model, or a column, where no rule says otherwise; None where there is neither."""
        return self._choice(self.settings.model) if self.names or self.settings.model is not None else None

    def choices(self) -> list[ScoreChoice]:
        """Returns the choices by which fractions are asked for, each once."""
        rules = self.settings.walk()
        choices = [self._choice(model) for rule, model in rules if rule.top_fraction or rule.top_fraction_by_language]
        return list(dict.fromkeys(choices))

    def fractions(self, choice: ScoreChoice, language: str) -> set[TopFraction]:
        """Returns the fractions that rules ask for.

        Args:
            choice: by whose similarity.
            language: of that language's pairs, or of all pairs (EVERY_LANGUAGE).
        """
        fractions = set()
        for rule, model in self.settings.walk():
            fraction = _fraction_of(rule, language)
            if fraction is not None and self._choice(model) == choice:
                fractions.add(TopFraction(choice, language, fraction))
        return fractions

    def decide(self, batch: pa.RecordBatch, *, similarity: bool = True, as_kind: type[Decision] = Decision) -> Decision:
        """Returns the verdict on a batch.

        Args:
            batch: n rows with the columns that the rules name.
            similarity: False: all rules on similarity count as passed.
            as_kind: KeptRows: which rows are kept, and not why the others are not.
        """
        decision = as_kind.keep_all(len(batch))
        self._apply(self.settings, None, batch, decision, similarity)
        return decision

    def _choice(self, model: ModelChoice) -> ScoreChoice:
        return ScoreChoice.of(model, self.names)

    def _apply(
        self, rule: SelectRule, around: ModelChoice, batch: pa.RecordBatch, decision: Decision, similarity: bool
    ) -> None:
        model = around if rule.model is None else rule.model
        if rule.languages is not None:
            _reject_by_language(batch, rule.languages, decision)
        if rule.captions is not None:
            reject_by_captions(batch.column("caption"), rule.captions, decision)
        for column, condition in rule.conditions.items():
            reject_by_condition(
                batch, column, condition, decision, self.reasons.get(column, RejectReason.CONDITION_NOT_MET)
            )
        if similarity and rule.similarity_setting is not None:
            scores = self._choice(model).scores(batch)
            if rule.min_similarity is not None:
                _reject_by_min_similarity(batch, scores, rule.min_similarity, decision)
            self._reject_by_fractions(rule, self._choice(model), batch, scores, decision)
        for inner in rule.all_of:
            self._apply(inner, model, batch, decision, similarity)
        if rule.any_of:
            self._reject_by_alternatives(rule.any_of, model, batch, decision, similarity)

    def _reject_by_alternatives(
        self,
        rules: Sequence[SelectRule],
        model: ModelChoice,
        batch: pa.RecordBatch,
        decision: Decision,
        similarity: bool,
    ) -> None:
        verdicts = []
        for rule in rules:
            verdicts.append(type(decision).keep_all(len(batch)))
            self._apply(rule, model, batch, verdicts[-1], similarity)
        if len(verdicts) == 1:
            decision.take_over(verdicts[0])
            return
        failed = ~np.logical_or.reduce([verdict.kept for verdict in verdicts])
        values, thresholds = (np.full(len(batch), None, dtype=object) for _ in range(2))
        for row in np.flatnonzero(failed) if decision.tells else ():
            values[row] = " | ".join(f"{verdict.reasons[row].value} {verdict.values[row]}" for verdict in verdicts)
            thresholds[row] = " | ".join(str(verdict.thresholds[row]) for verdict in verdicts)
        decision.reject(failed, RejectReason.NO_ALTERNATIVE_MET, values=values, threshold=thresholds)

    def _reject_by_fractions(
        self, rule: SelectRule, choice: ScoreChoice, batch: pa.RecordBatch, scores: np.ndarray, decision: Decision
    ) -> None:
        outside, edges = np.zeros(len(batch), bool), np.full(len(batch), np.nan)
        for language, rows in [(EVERY_LANGUAGE, np.arange(len(batch))), *rows_by_language(batch)]:
            fraction = _fraction_of(rule, language)
            if fraction is None:
                continue
            threshold = self.thresholds.get(TopFraction(choice, language, fraction), Threshold(np.inf))
            missed = ~threshold.reached_by(scores[rows])
            edges[rows] = np.where(missed & ~outside[rows], threshold.score, edges[rows])
            outside[rows] |= missed
        shown = _shown(scores) if decision.tells else None
        decision.reject(outside, RejectReason.OUTSIDE_TOP_FRACTION, values=shown, threshold=edges)


def binned_thresholds(selector: Selector, histograms: ChoiceHistograms) -> Thresholds:
    """Returns the threshold of every fraction that a selector asks for, to a bin.

    Args:
        selector: its settings ask for the fractions.
        histograms: choice -> language -> histogram of its similarities.
    """
    thresholds: Thresholds = {}
    for choice, by_language in histograms.items():
        groups = {EVERY_LANGUAGE: merge(by_language.values()), **by_language}
        for language, histogram in groups.items():
            for fraction in selector.fractions(choice, language) if histogram else ():
                lowest = top_fraction_bin(histogram, fraction.fraction)
                thresholds[fraction] = Threshold(lower_edge(lowest), lowest)
    return thresholds


def _fraction_of(rule: SelectRule, language: str) -> float | None:
    if language == EVERY_LANGUAGE:
        return rule.top_fraction
    return setting_for(rule.top_fraction_by_language, language)


def _reject_by_language(batch: pa.RecordBatch, languages: Sequence[str], decision: Decision) -> None:
    spoken = batch.column("language").to_pylist()
    rejected = np.array([language not in languages for language in spoken], bool)
    decision.reject(rejected, RejectReason.LANGUAGE_NOT_KEPT, values=spoken, threshold=", ".join(languages))


def _reject_by_min_similarity(
    batch: pa.RecordBatch, scores: np.ndarray, setting: float | Mapping[str, float], decision: Decision
) -> None:
    # Of a language that is not named, where there is no default, no similarity is asked.
    minimums = np.full(len(batch), -np.inf)
    for language, rows in rows_by_language(batch):
        minimum = setting_for(setting, language)
        minimums[rows] = -np.inf if minimum is None else minimum
    # Compared as float32, the scores' own type: as float64 a stored 0.26 would be just below 0.26.
    too_low = ~(scores >= minimums.astype(np.float32)) & (minimums > -np.inf)
    shown = _shown(scores) if decision.tells else None
    decision.reject(too_low, RejectReason.SIMILARITY_TOO_LOW, values=shown, threshold=minimums)


def _shown(scores: np.ndarray) -> np.ndarray:
    """Returns object[n], the scores as the ledger has them: None where there is none."""
    shown = scores.astype(object)
    shown[np.isnan(scores)] = None
    return shown
