"""Before the first final file is touched: how many samples will there be, and do the sums of all stages hold?"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.shard_order import is_held_out
from babelsift.pipelines.core.transform import Transform, single_element
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.product import Product
from babelsift.pipelines.run_folder.replacement import ShrinkGuard, begin_replacement
from babelsift.pipelines.run_folder.shard_layout import TRAIN, VALIDATION
from babelsift.pipelines.stages.shard.samples import sample_uids, text_ranks
from babelsift.schemas import IN, OUT, SOURCE_ROWS, Funnel, Stage
from babelsift.schemas.recipe import ShardSettings

_REASONS_SHOWN = 3
PAIRS = "pairs"  # beside the splits' names


@dataclass(frozen=True)
class ReplacementPlan:
    """What is known of a new product before its samples are counted.

    Attributes:
        product: all of it but samples and shards.
        guard: stops a run that would leave too little.
    """

    folder: RunFolder
    settings: ShardSettings
    product: Product
    guard: ShrinkGuard

    def begin(self, _: None, samples: Mapping[str, int], counts: Mapping[tuple[str, str, str], int]) -> Product:
        """Begins the replacement; returns what the folder will hold.

        Args:
            samples: split -> its samples; PAIRS -> the pairs of all of them.
            counts: rows by (stage, outcome, language), for all stages before sharding.

        Raises:
            AccountingError: a pair was lost or doubled on the way.
            RunFolderError: the guard stops the run; or a file that no run wrote is in its way.
        """
        samples = dict(samples)
        Funnel.from_counts({**counts, (Stage.SHARD.value, OUT, ""): samples.pop(PAIRS, 0)}).check()
        shards = {split: math.ceil(rows / self.settings.samples_per_shard) for split, rows in samples.items()}
        product = dataclasses.replace(self.product, samples=dict(samples), shards=shards)
        begin_replacement(self.folder, product, self.guard, left_out=left_out(counts))
        return product


@dataclass
class BeginReplacement(Transform):
    """Begins to replace the folder's product: whoever writes a final file waits for it.

    Input: {"kept": batches of all that is kept, "counts": one {(stage, outcome, language): rows} of all stages before}.
    Output: one Product, as it is planned.
    """

    plan: ReplacementPlan

    def expand(self, inputs: Mapping[str, Any]) -> beam.PCollection[Product]:
        """Counts the samples of each split, then begins."""
        samples = (
            inputs["kept"]
            | "CountSplits" >> beam.FlatMap(count_splits, self.plan.settings.validation_fraction)
            | "Sum" >> beam.CombinePerKey(sum)
            | "Gather" >> beam.combiners.ToDict()
        )
        counted = [beam.pvalue.AsSingleton(samples), beam.pvalue.AsSingleton(inputs["counts"])]
        return single_element(inputs["kept"], "Once", None) | "Begin" >> beam.Map(self.plan.begin, *counted)


def count_splits(batch: pa.RecordBatch, validation_fraction: float | None) -> Iterator[tuple[str, int]]:
    """Yields (split, its samples in a batch), and (PAIRS, the batch's rows)."""
    uids = sample_uids(batch.filter(pa.array(text_ranks(batch) == 0)))
    held_out = 0 if validation_fraction is None else int(is_held_out(uids, validation_fraction).sum())
    yield PAIRS, len(batch)
    yield TRAIN.name, len(uids) - held_out
    if held_out:
        yield VALIDATION.name, held_out


def left_out(counts: Mapping[tuple[str, str, str], int]) -> str:
    """Returns the reasons that most rows were left out for, as the end of a sentence."""
    reasons: Counter[str] = Counter()
    for (stage, outcome, _), rows in counts.items():
        if outcome not in (IN, OUT, SOURCE_ROWS):
            reasons[f"{stage} {outcome}"] += rows
    shown = ", ".join(f"{reason} {rows}" for reason, rows in reasons.most_common(_REASONS_SHOWN))
    return f" (left out: {shown})" if shown else ""
