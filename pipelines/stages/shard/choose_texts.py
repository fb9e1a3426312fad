"""Stage shard, its first step: the texts of each image that stay, in their order, and the one that goes into `.txt`.

All pairs of an image are in one batch, so that each batch is decided on its own. The pairs of one image are one sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.selection import ScoreChoice
from babelsift.filters.uids import draws_for
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.staging.image_rows import ImageRows, image_rows
from babelsift.schemas import TEXT_INDEX, Decision, RejectReason, Stage
from babelsift.schemas.recipe import ModelChoice, ShardTexts

# Internal columns: the lowest uid of an image's pairs, which shuffles its sample, and each text's place in its sample.
SAMPLE_UID, TEXT_RANK = "sample_uid", "text_rank"


@dataclass
class ChooseTexts(Transform):
    """Keeps the texts of each image that the settings choose.

    Input: batches of DOWNLOAD_SCHEMA, all pairs of an image in one. Main output: the pairs that stay, with SAMPLE_UID
    and TEXT_RANK. REJECTED: the others; value is the text's place among those of its image, threshold how many stay.

    Attributes:
        settings: which are chosen, and what of the others stays.
        model: whose similarity counts, as of a selection.
        names: of the recipe's CLIP models.
        seed: of draws.
    """

    settings: ShardTexts
    model: ModelChoice = None
    names: tuple[str, ...] = ()
    seed: int = 0

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Decides each batch on its own."""
        return batches | "Choose" >> kept_and_rejected(beam.ParDo(_Choose(self)))


class _Choose(beam.DoFn):
    def __init__(self, stage: ChooseTexts) -> None:
        self._settings, self._seed = stage.settings, stage.seed
        self._scores = ScoreChoice.of(stage.model, stage.names) if stage.names else None

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        images = image_rows(element)
        ranks = ranks_of_texts(element, images, self._settings, self._scores, self._seed)
        decision = Decision.keep_all(len(element))
        if not self._settings.keeps_all:
            most = self._settings.most
            places = [f"{rank + 1} of its image" for rank in ranks]
            is_beyond = ranks >= (len(element) if most is None else most)
            if self._settings.choose == "per_language":
                is_beyond |= ~_is_first_of_language(element, images, ranks)
            decision.reject(is_beyond, RejectReason.TEXT_NOT_CHOSEN, values=places, threshold=most)
        uids = element.column("uid").take(pa.array(images.standing_row))
        rows = element.append_column(SAMPLE_UID, uids).append_column(TEXT_RANK, pa.array(ranks, pa.int32()))
        kept, rejected = decision.split(rows, Stage.SHARD)
        yield from emit(Stage.SHARD, len(element), [kept], [rejected])


def ranks_of_texts(
    batch: pa.RecordBatch, images: ImageRows, settings: ShardTexts, scores: ScoreChoice | None, seed: int
) -> np.ndarray:
    """Returns int64[n], each row's place among the texts of its image, from 0: the first is the sample's `.txt`."""
    keys = [_uid_ranks(batch), *_order_of(batch, settings.order(scores is not None), scores, seed)]
    ranks = _ranks_within(images.of_row, keys)
    if settings.choose == "per_language":
        # The first text of each language comes before the second of any.
        ranks = _ranks_within(images.of_row, [ranks, ~_is_first_of_language(batch, images, ranks)])
    return ranks


def _order_of(batch: pa.RecordBatch, order: str, scores: ScoreChoice | None, seed: int) -> list[np.ndarray]:
    """Returns keys that sort a batch's texts, the last one first."""
    if order == "best_similarity" and scores is not None:
        similarity = scores.scores(batch)
        return [np.where(np.isnan(similarity), np.inf, -similarity.astype(np.float64))]
    if order == "longest":
        return [-pc.utf8_length(batch.column("caption")).to_numpy(zero_copy_only=False).astype(np.int64)]
    if order == "draw":
        return [draws_for(batch.column("uid"), seed, "texts")]
    files = pc.rank(batch.column("source_file"), tiebreaker="dense").to_numpy()
    keys = [batch.column("source_row").to_numpy(zero_copy_only=False), files]
    if TEXT_INDEX.name in batch.schema.names:
        keys.insert(0, batch.column(TEXT_INDEX.name).to_numpy(zero_copy_only=False))
    return keys


def _uid_ranks(batch: pa.RecordBatch) -> np.ndarray:
    return pc.rank(batch.column("uid"), tiebreaker="first").to_numpy().astype(np.int64)


def _ranks_within(groups: np.ndarray, keys: Sequence[np.ndarray]) -> np.ndarray:
    """Returns int64[n], each row's place in its group; keys: those that sort the rows, the last one first."""
    order = np.lexsort((*keys, groups))
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    ranks = np.empty(len(groups), np.int64)
    ranks[order] = np.arange(len(groups)) - np.repeat(starts, sizes)
    return ranks


def _is_first_of_language(batch: pa.RecordBatch, images: ImageRows, ranks: np.ndarray) -> np.ndarray:
    languages = pc.dictionary_encode(batch.column("language")).indices.to_numpy(zero_copy_only=False)
    _, groups = np.unique(np.stack([images.of_row, languages]), axis=1, return_inverse=True)
    return _ranks_within(groups.reshape(-1), [ranks]) == 0
