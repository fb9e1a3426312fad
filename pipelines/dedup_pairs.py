"""Stage pair dedup: of the pairs that are the same, the one with the lowest uid survives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from filters.dedup import CLAIM, losers_to, repeated
from filters.identity import digests, uid_bytes
from pipelines.batches import REJECTED, emit
from pipelines.first_of_each import FirstOfEach, batch_row_keys, unpack
from schemas import Decision, RejectReason, Stage
from schemas.recipe import DedupPairsSettings

_REASONS = {
    "url_and_caption": RejectReason.DUPLICATE_PAIR,
    "url": RejectReason.DUPLICATE_URL,
    "caption": RejectReason.DUPLICATE_CAPTION,
}


@dataclass
class DedupPairs(beam.PTransform):
    """Leaves out pairs that repeat another, by url and caption, by url, or by caption.

    Input and main output: batches with uid, url, caption, source_file, source_row. REJECTED: the others; their value is
    the survivor's uid.

    Attributes: partitions: how many parts the digests are merged in; results do not depend on it.
    """

    settings: DedupPairsSettings
    partitions: int = 64

    def __post_init__(self) -> None:
        super().__init__()
        if self.partitions < 1:
            raise ValueError(f"partitions should be at least 1, found {self.partitions}")

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds the repeated digests, then drops the rows that lose."""
        digest = {"url_and_caption": uid_digests, "url": url_digests, "caption": caption_digests}[self.settings.by]
        found = batches | "FindRepeated" >> FirstOfEach(digest, self.partitions) | "Repeated" >> beam.Map(only_repeated)
        drop = _DropLosers(self.settings.by, digest)
        return batches | "Drop" >> beam.ParDo(drop, beam.pvalue.AsList(found)).with_outputs(REJECTED, main="kept")


def uid_digests(batch: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n]: the uid is itself the digest of url and caption."""
    return uid_bytes(batch.column("uid"))


def url_digests(batch: pa.RecordBatch) -> np.ndarray:
    """Returns S16[n], digests of the urls."""
    return digests(batch.column("url"))


def caption_digests(batch: pa.RecordBatch) -> np.ndarray:
    """Returns S16[n], digests of the captions."""
    return digests(batch.column("caption"))


def only_repeated(packed: bytes) -> bytes:
    """Returns those claims of a packed array that more than one row made."""
    return repeated(np.frombuffer(packed, dtype=CLAIM)).tobytes()


class _DropLosers(beam.DoFn):
    def __init__(self, by: str, digest: object) -> None:
        self._by = by
        self._digest = digest
        self._packed: object = None

    def process(self, element: pa.RecordBatch, packed: list[bytes]) -> Iterator[object]:
        if self._packed is not packed:  # the side input is one object a bundle: unpack it once
            self._packed, self._repeated = packed, unpack(packed)
        loses = losers_to(self._repeated, self._digest(element), batch_row_keys(element))
        decision = Decision.keep_all(len(element))
        survivors = np.full(len(element), None, dtype=object)
        for row in np.flatnonzero(loses >= 0):
            survivors[row] = self._repeated["uid"][loses[row]].tobytes().hex()
        same_uid = survivors == np.array(element.column("uid").to_pylist(), dtype=object)
        decision.reject((loses >= 0) & same_uid, RejectReason.DUPLICATE_PAIR, values=survivors)
        decision.reject(loses >= 0, _REASONS[self._by], values=survivors)
        kept, rejected = decision.split(element, Stage.DEDUP_PAIRS)
        yield from emit(Stage.DEDUP_PAIRS, len(element), [kept], [rejected])
