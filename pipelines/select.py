"""Stage select: which scored pairs are kept, by fixed cosines and by top fractions of all pairs or of a language's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from filters.histogram import Histogram, bins_of, histogram_of, lower_edge, merge, top_fraction_bin
from pipelines.batches import REJECTED, emit
from schemas import Decision, RejectReason, Stage, similarity_column
from schemas.recipe import SelectSettings

Histograms = dict[str, Histogram]  # language -> histogram


@dataclass
class SelectPairs(beam.PTransform):
    """Keeps the pairs whose similarity passes every rule of the settings that is on.

    Input and main output: batches with `language` and the similarity columns. REJECTED: the others; value is the
    similarity, threshold the cosine asked for. A pair without a similarity is not kept by a rule on similarity.

    Attributes: model: name of the CLIP model to select by; null where the recipe has none, which keeps everything.
    """

    settings: SelectSettings
    model: str | None

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Gathers the histograms that top fractions need, then decides."""
        histograms = batches | "Histograms" >> SimilarityHistograms(self.model)
        decide = beam.ParDo(_Select(self.settings, self.model), beam.pvalue.AsSingleton(histograms))
        return batches | "Decide" >> decide.with_outputs(REJECTED, main="kept")


@dataclass
class SimilarityHistograms(beam.PTransform):
    """Sums up {language: histogram} of one model's similarities; one element, empty where there is no model."""

    model: str | None

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[Histograms]:
        """Makes a histogram a batch and merges them."""
        return (
            batches
            | "OfBatch" >> beam.Map(histograms_of_batch, self.model).with_output_types(dict)
            | "Merge" >> beam.CombineGlobally(merge_by_language)
        )


def histograms_of_batch(batch: pa.RecordBatch, model: str | None) -> Histograms:
    """Returns {language: histogram} of a model's similarities in a batch; rows without one are left out."""
    if model is None:
        return {}
    scores = _scores(batch, model)
    languages = np.array(batch.column("language").to_pylist(), dtype=object)
    scored = ~np.isnan(scores)
    return {
        language: histogram_of(scores[scored & (languages == language)])
        for language in sorted(set(languages[scored].tolist()))
    }


def merge_by_language(parts: Iterable[Histograms]) -> Histograms:
    """Returns the sum of {language: histogram}s."""
    total: Histograms = {}
    for part in parts:
        for language, histogram in part.items():
            total[language] = merge([total.get(language, {}), histogram])
    return total


class _Select(beam.DoFn):
    def __init__(self, settings: SelectSettings, model: str | None) -> None:
        self._settings = settings
        self._model = model

    def process(self, element: pa.RecordBatch, histograms: Histograms) -> Iterator[object]:
        decision = decide(element, self._settings, self._model, histograms)
        kept, rejected = decision.split(element, Stage.SELECT)
        yield from emit(Stage.SELECT, len(element), [kept], [rejected])


def decide(batch: pa.RecordBatch, settings: SelectSettings, model: str | None, histograms: Histograms) -> Decision:
    """Returns the verdict on a batch, given the histograms of all batches."""
    decision = Decision.keep_all(len(batch))
    if model is None:
        return decision
    scores = _scores(batch, model)
    shown = np.where(np.isnan(scores), None, scores.astype(object))
    languages = batch.column("language").to_pylist()
    if settings.min_similarity is not None:
        wanted = _wanted(settings.min_similarity, languages)
        # Compared as float32, the scores' own type: as float64 a stored 0.26 would be just below 0.26.
        too_low = ~(scores >= wanted.astype(np.float32))
        decision.reject(too_low, RejectReason.SIMILARITY_TOO_LOW, values=shown, threshold=wanted)
    bins = np.where(np.isnan(scores), np.iinfo(np.int64).min, bins_of(np.nan_to_num(scores)))
    if settings.top_fraction is not None and histograms:
        lowest = top_fraction_bin(merge(histograms.values()), settings.top_fraction)
        outside = bins < lowest
        decision.reject(outside, RejectReason.OUTSIDE_TOP_FRACTION, values=shown, threshold=lower_edge(lowest))
    if settings.top_fraction_by_language is not None and histograms:
        fraction = settings.top_fraction_by_language
        cuts = {language: top_fraction_bin(histogram, fraction) for language, histogram in histograms.items()}
        lowest_bins = np.array([cuts.get(language, 0) for language in languages], dtype=np.int64)
        edges = [lower_edge(one) for one in lowest_bins]
        decision.reject(bins < lowest_bins, RejectReason.OUTSIDE_TOP_FRACTION, values=shown, threshold=edges)
    return decision


def _scores(batch: pa.RecordBatch, model: str) -> np.ndarray:
    """float32[n], NaN where there is none."""
    return batch.column(similarity_column(model)).to_numpy(zero_copy_only=False).astype(np.float32)


def _wanted(minimum: float | dict[str, float], languages: list[str]) -> np.ndarray:
    if isinstance(minimum, dict):
        # A language that is not named and no default: nothing is asked of it.
        return np.array([minimum.get(language, minimum.get("default", -1.0)) for language in languages])
    return np.full(len(languages), minimum)
