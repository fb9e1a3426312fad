"""Embeddings of earlier run folders: vectors that scoring stored there of images they kept; no image is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.dedup import EARLIER, embedding_record, pack_embedding_records
from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.finished_run import look_into, read_kept
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.score_store import SCORES_FOLDER, ScoreStore
from babelsift.schemas import InputError

_IMAGE = "img_emb"
_SETTING = "dedup_semantic.earlier"


@dataclass(frozen=True)
class EarlierPart:
    """What an earlier run folder stored of one staging shard's embeddings."""

    store: ScoreStore
    shard: int


def plan_earlier_embeddings(places: Sequence[str], store: ScoreStore) -> tuple[EarlierPart, ...]:
    """Returns where run folders have embeddings of the same model as `store`, whatever they call it.

    Raises: InputError: a place is no finished run folder, or was not scored by that model; names those that scored it.
    """
    parts = []
    for place in places:
        folder, found = look_into(place, _models_in, setting=_SETTING)
        known = {name: info.get("fingerprint") for name, info in found.items() if isinstance(info, dict)}
        of_model = [name for name, fingerprint in known.items() if fingerprint == store.fingerprint]
        if not of_model:
            raise InputError(
                f"{_SETTING} {place!r} has no embeddings of {store.name!r} (fingerprint {store.fingerprint[:8]}); it "
                f"has {', '.join(sorted(known)) or 'none'}; name a run that the same model scored, with keep_embeddings"
            )
        for name in of_model:
            own = ScoreStore(folder, name.rsplit("-", 1)[0], store.fingerprint)
            files = folder.list(f"{own.root}/metadata", ".parquet")
            parts += [EarlierPart(own, shard) for shard in sorted({int(file.split("_")[1]) for file in files})]
    return tuple(parts)


def _models_in(folder: RunFolder) -> dict[str, Any]:
    return {name: folder.read_json(SCORES_FOLDER, name, "info.json") for name in folder.folders(SCORES_FOLDER)}


@dataclass
class ReadEarlierEmbeddings(Transform):
    """Reads the vectors of what earlier runs kept: packed `embedding_record` rows, EARLIER, each image once a shard."""

    parts: tuple[EarlierPart, ...]

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[bytes]:
        """A staging shard at a time."""
        parts = pbegin | "Parts" >> beam.Create(self.parts)
        return parts | "ReadStored" >> beam.ParDo(_ReadKept()).with_output_types(bytes)


class _ReadKept(beam.DoFn):
    """Reads a staging shard's vectors of images that the run kept; a run's tables are read once a worker."""

    def setup(self) -> None:
        self._kept: dict[str, pa.Table] = {}

    def process(self, element: EarlierPart) -> Iterator[bytes]:
        store = element.store
        if store.folder.url not in self._kept:
            self._kept[store.folder.url] = kept_images(store.folder)
        kept = self._kept[store.folder.url]
        for number, table in store.parts(element.shard):
            at = pc.index_in(table.column("sha256"), value_set=kept.column("sha256")).combine_chunks()
            wanted = np.flatnonzero(pc.and_(at.is_valid(), table.column("error").is_null().combine_chunks()))
            _, first = np.unique(at.take(pa.array(wanted)).to_numpy(), return_index=True)
            wanted = np.sort(wanted[first])
            if len(wanted):
                vectors = store.embeddings(_IMAGE, element.shard, number, table)[wanted]
                found = np.zeros(len(wanted), embedding_record(vectors.shape[1]))
                found["uid"] = uid_bytes(kept.column("uid").take(at.take(pa.array(wanted))).combine_chunks())
                found["vector"], found["priority"] = vectors, EARLIER
                yield pack_embedding_records(found)


def kept_images(folder: RunFolder) -> pa.Table:
    """Returns sha256 and uid of the images in a run folder's shards, each image once, under its lowest uid.

    Raises: InputError: a shard's table cannot be read.
    """
    images = read_kept(folder, ["sha256", "uid"], setting=_SETTING)
    lowest = images.group_by("sha256").aggregate([("uid", "min")])
    return lowest.rename_columns(["sha256", "uid"]).combine_chunks()
