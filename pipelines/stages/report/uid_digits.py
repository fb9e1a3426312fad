"""How many first digits of a uid the report shows: so many that no other pair of the run begins so."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.rendering import ImageCluster, Sample
from babelsift.pipelines.run_folder.folder import RunFolder

_FEWEST, _ALL = 8, 32


def shown_uids(samples: Iterable[Sample], clusters: Iterable[ImageCluster]) -> set[str]:
    """Returns the uids that a report shows: of samples, of pairs in whose place some were left out, of clusters."""
    shown = [*samples, *(sample.survivor for sample in samples if sample.survivor is not None)]
    shown += [sample for cluster in clusters for sample in (cluster.survivor, *cluster.others)]
    return {sample.uid for sample in shown if sample.uid}


def unique_digits(folder: RunFolder, uids: set[str], tables: Iterable[str]) -> int:
    """Returns how many first digits tell each of some uids from all other uids of a run, eight at least.

    Args:
        folder: the run folder.
        uids: 32 hex digits each.
        tables: paths of the parquet files of shards and ledger, of which the column `uid` is read.
    """
    starts = pa.array(sorted({uid[:_FEWEST] for uid in uids}), pa.string())
    read = [partial(_alike, folder, path, starts) for path in tables] if uids else []
    alike = uids.union(*folder.do_all(read))
    return next(digits for digits in range(_FEWEST, _ALL + 1) if len({uid[:digits] for uid in alike}) == len(alike))


def _alike(folder: RunFolder, path: str, starts: pa.Array) -> list[str]:
    """Returns a table's uids that begin as others do."""
    alike: list[str] = []
    with folder.open(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(columns=["uid"]):
            column = batch.column("uid").cast(pa.string()).drop_null()
            begin = pc.utf8_slice_codeunits(column, 0, _FEWEST)
            alike += column.filter(pc.is_in(begin, value_set=starts)).to_pylist()
    return alike
