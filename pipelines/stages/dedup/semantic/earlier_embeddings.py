"""Embeddings of earlier run folders: the vectors that scoring stored of the images they kept; no image is read."""

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
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.finished_run import look_into, read_kept
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.scores.score_store import SCORES_FOLDER, ScoreStore, read_model_info
from babelsift.schemas import InputError

_IMAGE = "img_emb"
_SETTING = "dedup_semantic.earlier"


@dataclass(frozen=True)
class EarlierShard:
    """A staging shard of an earlier run folder, whose images a model has embedded.

    Attributes:
        store: of that model, in that folder.
        shard: the staging shard's number.
    """

    store: ScoreStore
    shard: int


def plan_earlier_embeddings(folders: Sequence[str], store: ScoreStore) -> tuple[EarlierShard, ...]:
    """Returns where run folders have embeddings of the same model as `store`, whatever they call it.

    Args:
        folders: of finished runs, any fsspec URLs.
        store: of the model whose embeddings are compared.

    Raises:
        InputError: one is no finished run folder, or was not scored by that model; names those that scored it.
    """
    shards = []
    for url in folders:
        folder, models = look_into(url, _models_in, setting=_SETTING)
        known = {name: info.get("fingerprint") for name, info in models.items() if isinstance(info, dict)}
        of_model = [name for name, fingerprint in known.items() if fingerprint == store.fingerprint]
        if not of_model:
            raise InputError(
                f"{_SETTING} {url!r} has no embeddings of {store.name!r} (fingerprint {store.fingerprint[:8]}); it "
                f"has {', '.join(sorted(known)) or 'none'}; name a run that the same model scored, with keep_embeddings"
            )
        for name in of_model:
            earlier = ScoreStore(folder, name.rsplit("-", 1)[0], store.fingerprint)
            files = folder.list(f"{earlier.root}/metadata", ".parquet")
            shards += [EarlierShard(earlier, number) for number in sorted({int(file.split("_")[1]) for file in files})]
    return tuple(shards)


def _models_in(folder: RunFolder) -> dict[str, Any]:
    return {name: read_model_info(folder, name) for name in folder.folders(SCORES_FOLDER)}


@dataclass
class ReadEarlierEmbeddings(Transform):
    """Reads the vectors of what earlier runs kept: packed `embedding_record` rows, EARLIER, each image once a shard."""

    shards: tuple[EarlierShard, ...]

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[bytes]:
        """Reads shard by shard."""
        shards = pbegin | "Shards" >> beam.Create(self.shards)
        return shards | "ReadStored" >> beam.ParDo(_ReadKept()).with_output_types(Packed)


class _ReadKept(beam.DoFn):
    """Reads a staging shard's vectors of images that the run kept; a run's tables are read once a worker."""

    def setup(self) -> None:
        self._kept: dict[str, pa.Table] = {}

    def process(self, element: EarlierShard) -> Iterator[bytes]:
        store = element.store
        if store.folder.url not in self._kept:
            self._kept[store.folder.url] = kept_images(store.folder)
        kept = self._kept[store.folder.url]
        for number, table in store.chunks(element.shard):
            index = pc.index_in(table.column("sha256"), value_set=kept.column("sha256")).combine_chunks()
            rows = np.flatnonzero(pc.and_(index.is_valid(), table.column("error").is_null().combine_chunks()))
            _, first = np.unique(index.take(pa.array(rows)).to_numpy(), return_index=True)
            rows = np.sort(rows[first])
            if len(rows):
                vectors = store.embeddings(_IMAGE, element.shard, number, table)[rows]
                earlier = np.zeros(len(rows), embedding_record(vectors.shape[1]))
                earlier["uid"] = uid_bytes(kept.column("uid").take(index.take(pa.array(rows))).combine_chunks())
                earlier["vector"], earlier["priority"] = vectors, EARLIER
                yield pack_embedding_records(earlier)


def kept_images(folder: RunFolder) -> pa.Table:
    """Returns sha256 and uid of the images in a run folder's shards, each image once, under its lowest uid.

    Raises:
        InputError: a shard's table cannot be read.
    """
    images = read_kept(folder, ["sha256", "uid"], setting=_SETTING)
    lowest = images.group_by("sha256").aggregate([("uid", "min")])
    return lowest.rename_columns(["sha256", "uid"]).combine_chunks()
