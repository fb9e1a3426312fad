"""Stage decontaminate: leaves out pairs whose image is in an evaluation set, before any pair is selected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.core.groups.look_up import BATCHES, Answered
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.stage_outputs import PassAll, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.decontaminate.evaluation_images import (
    EvaluationFiles,
    evaluation_decoders,
    plan_evaluation,
    read_evaluation,
)
from babelsift.pipelines.stages.dedup.images import (
    EARLIER_RANK,
    DuplicateImages,
    FindDuplicateImages,
    LookUpDuplicates,
    earlier_uids,
    hash_rows,
    with_ranks,
)
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import DecontaminateSettings, DedupImagesSettings


@dataclass
class Decontaminate(Transform):
    """Leaves out the images that duplicate an evaluation image; without evaluation sets all pass as they are.

    Input and main output: batches with DOWNLOAD_SCHEMA's columns, no uid twice. REJECTED: the others; value is
    `<name of the evaluation image> at <distance> bits`, threshold the radius.

    Attributes:
        settings: the evaluation sets, and how near an image may be to theirs.
        partitions: as of `DedupImages`.
    """

    settings: DecontaminateSettings
    partitions: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._files = plan_evaluation(self.settings.against)
        self._comparison = DedupImagesSettings(
            exact="pixels",
            near_radius_bits=self.settings.radius_bits,
            near_crops=self.settings.crops,
            orientations=self.settings.orientations,
            min_phash_quality=self.settings.min_phash_quality,
        )

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Compares all images with the evaluation sets' and never with one another."""
        if not self._files:
            return batches | "Pass" >> kept_and_rejected(beam.ParDo(PassAll(Stage.DECONTAMINATE)))
        read = beam.ParDo(_ReadEvaluation()).with_output_types(pa.RecordBatch)
        sets = batches.pipeline | "Files" >> beam.Create(self._files) | "ReadEvaluation" >> read
        ours = batches | "Hashes" >> beam.Map(hash_rows, self._comparison).with_output_types(pa.RecordBatch)
        theirs = sets | "EvaluationHashes" >> beam.Map(evaluation_rows).with_output_types(pa.RecordBatch)
        hashes = (ours, theirs) | "All" >> beam.Flatten()
        find = FindDuplicateImages(self._comparison, self.partitions, only_earlier=True)
        duplicates = hashes | "FindDuplicates" >> find
        look_up = LookUpDuplicates(self._comparison, partial(hash_rows, settings=self._comparison), self.partitions)
        asked = {BATCHES: batches, **duplicates} | "LookUpDuplicates" >> look_up
        drop = beam.ParDo(_DropMatched(self._comparison), beam.pvalue.AsDict(self._names(sets, duplicates)))
        return asked | "Drop" >> kept_and_rejected(drop)

    def _names(
        self, sets: beam.PCollection[pa.RecordBatch], duplicates: Mapping[str, beam.PCollection[bytes]]
    ) -> beam.PCollection[tuple[str, str]]:
        """Finds (uid, name) of the evaluation images that any row matched, so that few names travel."""
        matched = [
            table | f"Matched_{name}" >> beam.FlatMap(earlier_uids, name).with_output_types(bytes)
            for name, table in duplicates.items()
        ]
        distinct = tuple(matched) | "Matched" >> beam.Flatten() | "Once" >> beam.Distinct()
        return sets | "Names" >> beam.FlatMap(names_of_matched, beam.pvalue.AsList(distinct))


def evaluation_rows(images: pa.RecordBatch) -> pa.RecordBatch:
    """Returns EVALUATION_SCHEMA's rows as hash rows of EARLIER_RANK; their uid is the digest of their name."""
    uids = _uids_of(images)
    rows = images.append_column("uid", uids).append_column("caption", pa.array([""] * len(images)))
    return with_ranks(rows, pa.array(np.full(len(images), EARLIER_RANK, dtype=np.uint64)))


def _uids_of(images: pa.RecordBatch) -> pa.Array:
    return compute_uids(pa.array(["evaluation"] * len(images)), images.column("name"))


class _ReadEvaluation(beam.DoFn):
    def setup(self) -> None:
        self._decoders = evaluation_decoders()

    def process(self, element: EvaluationFiles) -> Iterator[pa.RecordBatch]:
        yield from read_evaluation(element, self._decoders)

    def teardown(self) -> None:
        self._decoders.close()


def names_of_matched(images: pa.RecordBatch, matched: list[bytes]) -> Iterator[tuple[str, str]]:
    """Yields (uid, name) of EVALUATION_SCHEMA's rows whose uids are among some."""
    uids = {uid.hex() for uid in matched}
    for uid, name in zip(_uids_of(images).to_pylist(), images.column("name").to_pylist(), strict=True):
        if uid in uids:
            yield uid, name


class _DropMatched(beam.DoFn):
    def __init__(self, settings: DedupImagesSettings) -> None:
        self._settings = settings
        self._duplicates = OncePerBundle(partial(DuplicateImages, settings))

    def process(self, element: Answered, names: dict[str, str]) -> Iterator[object]:
        duplicates = self._duplicates.of(*DuplicateImages.tables_of(element))
        for batch in element.batches:
            yield from self._drop(batch, duplicates, names)

    def _drop(self, element: pa.RecordBatch, duplicates: DuplicateImages, names: dict[str, str]) -> Iterator[object]:
        kept_instead = duplicates.kept_instead_of(hash_rows(element, self._settings))
        is_matched = kept_instead.is_duplicate & (kept_instead.ranks == EARLIER_RANK)
        values = np.full(len(element), None, dtype=object)
        for row in np.flatnonzero(is_matched):
            values[row] = f"{names[kept_instead.uids[row].tobytes().hex()]}{kept_instead.how_near(int(row))}"
        decision, radius = Decision.keep_all(len(element)), self._settings.near_radius_bits
        decision.reject(is_matched, RejectReason.EVALUATION_IMAGE, values=values, threshold=radius)
        kept, rejected = decision.split(element, Stage.DECONTAMINATE)
        yield from emit(Stage.DECONTAMINATE, len(element), [kept], [rejected])
