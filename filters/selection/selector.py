"""Decides which scored pairs an expression of select rules keeps, batch by batch, given the fractions' thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from babelsift.filters.rules import reject_by_captions
from babelsift.filters.selection.conditions import meets_condition, numbers_of
from babelsift.filters.selection.histogram import Histogram, bins_of, histogram_of, lower_edge, merge, top_fraction_bin
from babelsift.schemas import Decision, RejectReason, similarity_column
from babelsift.schemas.recipe import DEFAULT, Condition, SelectRule, SelectSettings

EVERY_LANGUAGE = ""
_NO_BIN = np.iinfo(np.int64).min


@dataclass(frozen=True)
class ScoreChoice:
    """Whose similarity speaks for a pair: (language or DEFAULT, model's name) each, sorted."""

    models: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, model: str | Mapping[str, str] | None, names: Sequence[str]) -> ScoreChoice:
        """Returns the choice that a rule's `model` makes; null is the first of the names."""
        if isinstance(model, Mapping):
            return cls(tuple(sorted(model.items())))
        return cls(((DEFAULT, names[0] if model is None else model),))

    def scores(self, batch: pa.RecordBatch) -> np.ndarray:
        """Returns float32[n], NaN where no model speaks for the row's language or none has scored it."""
        columns = {name: _floats(batch.column(similarity_column(name))) for _, name in self.models}
        models = dict(self.models)
        if list(models) == [DEFAULT]:
            return columns[models[DEFAULT]]
        scores = np.full(len(batch), np.nan, np.float32)
        for language, rows in _rows_by_language(batch):
            name = models.get(language, models.get(DEFAULT))
            if name is not None:
                scores[rows] = columns[name][rows]
        return scores


@dataclass(frozen=True)
class TopFraction:
    """A fraction that an expression asks for: of one language's pairs, or of all (EVERY_LANGUAGE)."""

    choice: ScoreChoice
    language: str
    fraction: float


@dataclass(frozen=True)
class Threshold:
    """The lowest that a top fraction keeps: a bin, or a very value.

    Attributes:
        score: the value, or the bin's lower edge.
        bin: None where the value itself is the threshold.
    """

    score: float
    bin: int | None = None

    def reached_by(self, scores: np.ndarray) -> np.ndarray:
        """Returns bool[n]; NaN reaches no threshold.

        Args:
            scores: float32[n].
        """
        if self.bin is None:
            return scores >= np.float32(self.score)
        return np.where(np.isnan(scores), _NO_BIN, bins_of(np.nan_to_num(scores))) >= self.bin


ChoiceHistograms = dict[ScoreChoice, dict[str, Histogram]]  # choice -> language -> histogram
Thresholds = dict[TopFraction, Threshold]


@dataclass
class Selector:
    """Judges batches by a recipe's select settings.

    Attributes:
        settings: the recipe's select group.
        names: the CLIP models' names, in order.
        thresholds: of every fraction that the settings ask for; a fraction without one had no scored pair, so that no
            pair reaches it.
    """

    settings: SelectSettings
    names: tuple[str, ...]
    thresholds: Thresholds = field(default_factory=dict)

    @property
    def choice(self) -> ScoreChoice | None:
        """Whose similarity stands for a pair where no rule says otherwise; None without models."""
        return ScoreChoice.of(self.settings.model, self.names) if self.names else None

    def choices(self) -> list[ScoreChoice]:
        """The choices that fractions are asked of, each once."""
        rules = self.settings.walk()
        found = [self._choice(model) for rule, model in rules if rule.top_fraction or rule.top_fraction_by_language]
        return list(dict.fromkeys(found))

    def fractions(self, choice: ScoreChoice, language: str) -> set[TopFraction]:
        """The fractions that are asked of a language's pairs, or of all pairs' (EVERY_LANGUAGE), by a choice."""
        found = set()
        for rule, model in self.settings.walk():
            asked = (
                rule.top_fraction
                if language == EVERY_LANGUAGE
                else setting_for(rule.top_fraction_by_language, language)
            )
            if asked is not None and self._choice(model) == choice:
                found.add(TopFraction(choice, language, asked))
        return found

    def decide(self, batch: pa.RecordBatch, *, similarity: bool = True) -> Decision:
        """Returns the verdict on a batch.

        Args:
            similarity: False: all rules on similarity count as passed.
        """
        decision = Decision.keep_all(len(batch))
        self._apply(self.settings, None, batch, decision, similarity)
        return decision

    def _choice(self, model: object) -> ScoreChoice:
        return ScoreChoice.of(model, self.names)  # type: ignore[arg-type]

    def _apply(
        self, rule: SelectRule, around: object, batch: pa.RecordBatch, decision: Decision, similarity: bool
    ) -> None:
        model = around if rule.model is None else rule.model
        if rule.languages is not None:
            languages = batch.column("language").to_pylist()
            unwanted = [language not in rule.languages for language in languages]
            decision.reject(
                np.array(unwanted, bool),
                RejectReason.LANGUAGE_NOT_KEPT,
                values=languages,
                threshold=", ".join(rule.languages),
            )
        if rule.captions is not None:
            reject_by_captions(batch.column("caption"), rule.captions, decision)
        for column, condition in rule.conditions.items():
            _reject_by_condition(batch, column, condition, decision)
        if similarity and rule.similarity_setting is not None:
            self._reject_by_similarity(rule, self._choice(model), batch, decision)
        for inner in rule.all_of:
            self._apply(inner, model, batch, decision, similarity)
        if rule.any_of:
            self._reject_by_alternatives(rule.any_of, model, batch, decision, similarity)

    def _reject_by_alternatives(
        self, rules: Sequence[SelectRule], model: object, batch: pa.RecordBatch, decision: Decision, similarity: bool
    ) -> None:
        each = []
        for rule in rules:
            each.append(Decision.keep_all(len(batch)))
            self._apply(rule, model, batch, each[-1], similarity)
        if len(each) == 1:
            decision.take_over(each[0])
            return
        failed = ~np.logical_or.reduce([one.kept for one in each])
        values = [
            " | ".join(f"{one.reasons[row].value} {one.values[row]}" for one in each) if failed[row] else None
            for row in range(len(batch))
        ]
        wanted = [
            " | ".join(str(one.thresholds[row]) for one in each) if failed[row] else None for row in range(len(batch))
        ]
        decision.reject(failed, RejectReason.NO_ALTERNATIVE_MET, values=values, threshold=wanted)

    def _reject_by_similarity(
        self, rule: SelectRule, choice: ScoreChoice, batch: pa.RecordBatch, decision: Decision
    ) -> None:
        scores = choice.scores(batch)
        shown = np.where(np.isnan(scores), None, scores.astype(object))
        if rule.min_similarity is not None:
            # A language that is not named and no default: nothing is asked of it.
            wanted = np.full(len(batch), -np.inf)
            for language, rows in _rows_by_language(batch):
                minimum = setting_for(rule.min_similarity, language)
                wanted[rows] = -np.inf if minimum is None else minimum
            # Compared as float32, the scores' own type: as float64 a stored 0.26 would be just below 0.26.
            too_low = ~(scores >= wanted.astype(np.float32)) & (wanted > -np.inf)
            decision.reject(too_low, RejectReason.SIMILARITY_TOO_LOW, values=shown, threshold=wanted)
        outside, edges = np.zeros(len(batch), bool), np.full(len(batch), np.nan)
        for language, rows in [(EVERY_LANGUAGE, slice(None)), *_rows_by_language(batch)]:
            asked = (
                rule.top_fraction
                if language == EVERY_LANGUAGE
                else setting_for(rule.top_fraction_by_language, language)
            )
            if asked is None:
                continue
            threshold = self.thresholds.get(TopFraction(choice, language, asked), Threshold(np.inf))
            missed = ~threshold.reached_by(scores[rows])
            edges[rows] = np.where(missed & ~outside[rows], threshold.score, edges[rows])
            outside[rows] |= missed
        decision.reject(outside, RejectReason.OUTSIDE_TOP_FRACTION, values=shown, threshold=edges)


def histograms_of(batch: pa.RecordBatch, choice: ScoreChoice) -> dict[str, Histogram]:
    """Returns {language: histogram} of a choice's similarities in a batch; rows without one are left out."""
    scores = choice.scores(batch)
    scored = ~np.isnan(scores)
    found = {language: rows[scored[rows]] for language, rows in _rows_by_language(batch)}
    return {language: histogram_of(scores[rows]) for language, rows in found.items() if len(rows)}


def binned_thresholds(selector: Selector, histograms: ChoiceHistograms) -> Thresholds:
    """Returns the thresholds of every fraction that a selector asks for, to a bin."""
    thresholds: Thresholds = {}
    for choice, by_language in histograms.items():
        groups = {EVERY_LANGUAGE: merge(by_language.values()), **by_language}
        for language, histogram in groups.items():
            for asked in selector.fractions(choice, language) if histogram else ():
                lowest = top_fraction_bin(histogram, asked.fraction)
                thresholds[asked] = Threshold(lower_edge(lowest), lowest)
    return thresholds


def rejected_by_similarity_alone(decision: Decision, without: Decision) -> np.ndarray:
    """Returns bool[n], the rows that a decision leaves out and that would be kept if similarity did not count."""
    return ~decision.kept & without.kept


def _reject_by_condition(batch: pa.RecordBatch, column: str, condition: Condition, decision: Decision) -> None:
    values = batch.column(column)
    met = meets_condition(values, condition)
    numbers, missing = numbers_of(values)
    shown = [None if null else f"{column} {value:.6g}" for null, value in zip(missing, numbers.tolist(), strict=True)]
    decision.reject(~met, RejectReason.CONDITION_NOT_MET, values=shown, threshold=f"{column} {condition.text()}")


def _floats(column: pa.Array) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False).astype(np.float32)


def setting_for(setting: object, language: str) -> float | None:
    """Returns what a setting, one for all or one a language, says of a language; None where it says nothing."""
    if isinstance(setting, Mapping):
        return setting.get(language, setting.get(DEFAULT))
    return setting  # type: ignore[return-value]


def _rows_by_language(batch: pa.RecordBatch) -> Iterator[tuple[str, np.ndarray]]:
    """Yields (language, its rows), languages sorted."""
    encoded = batch.column("language").dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    names = encoded.dictionary.to_pylist()
    for code in sorted(range(len(names)), key=names.__getitem__):
        yield names[code], np.flatnonzero(codes == code)
