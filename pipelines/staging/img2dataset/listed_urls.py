"""What a run folder holds where img2dataset itself downloads: its lists, what was kept off them, its output.

OUT/staging/img2dataset/settings.json                 what shapes the images, and the rows of a shard
                       /urls/RRRRR-PPPPP.parquet      round R: `url` as it is asked for, `listed_url` as pairs have it
                       /refused/RRRRR-PPPPP.parquet   URLs that are asked of nobody, with reason and detail
                       /images/NNNNN.tar ...          img2dataset's output folder

Lists are only ever added, and img2dataset numbers shards through them in their order: what it has finished stays found.
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import IMG2DATASET_HOME, IMG2DATASET_IMAGES, PARQUET, REFUSED_URLS, STATS
from babelsift.pipelines.staging.img2dataset.imported_rows import IMPORTED_ROWS
from babelsift.pipelines.staging.layout import FAILED_TO_DOWNLOAD, LISTED_URL

SETTINGS, URLS = f"{IMG2DATASET_HOME}/settings.json", f"{IMG2DATASET_HOME}/urls"
LIST_SCHEMA = pa.schema([pa.field(name, pa.string(), nullable=False) for name in ("url", LISTED_URL)])
REFUSED_SCHEMA = pa.schema([pa.field(name, pa.string(), nullable=False) for name in ("url", "reason", "detail")])
_NO_SHARD = -1


def list_name(number: int, partition: int) -> str:
    """Returns the name of a list, or of the file of what was kept off it, of one round."""
    return f"{number:05d}-{partition:05d}{PARQUET}"


def next_round(folder: RunFolder) -> int:
    """Returns the number of the round that comes after those that have any file."""
    names = [*folder.list(URLS, PARQUET), *folder.list(REFUSED_URLS, PARQUET)]
    return max((int(name.partition("-")[0]) + 1 for name in names), default=0)


def unfinished_shards(folder: RunFolder, samples_per_shard: int) -> tuple[int, int]:
    """Returns (shards that img2dataset has still to make of the lists, all that it makes of them)."""
    shards = 0
    for name in folder.list(URLS, PARQUET):
        with folder.open(URLS, name) as file:
            shards += math.ceil(pq.ParquetFile(file).metadata.num_rows / samples_per_shard)
    finished = {int(name.removesuffix(STATS)) for name in folder.list(IMG2DATASET_IMAGES, STATS)}
    return len(set(range(shards)) - finished), shards


def read_refused(name: str, folder: RunFolder) -> pa.RecordBatch:
    """Returns the URLs of a file in REFUSED_URLS as rows of an imported shard that have no image."""
    with folder.open(REFUSED_URLS, name) as file:
        refused = pq.read_table(file, schema=REFUSED_SCHEMA).combine_chunks()
    known = {name: refused.column(name).combine_chunks() for name in REFUSED_SCHEMA.names}
    known["status"] = pa.array([FAILED_TO_DOWNLOAD] * len(refused), pa.string())
    known["key"] = pa.array([name.removesuffix(PARQUET)] * len(refused), pa.string())
    known["staging_shard"] = pa.array(np.full(len(refused), _NO_SHARD), pa.int32())
    columns = [known.get(field.name, pa.nulls(len(refused), field.type)) for field in IMPORTED_ROWS]
    return pa.RecordBatch.from_arrays(columns, schema=IMPORTED_ROWS)


def remove_all(folder: RunFolder) -> None:
    """Removes the lists and all that img2dataset made of them; the settings go last."""
    for path in sorted(folder.files_under(IMG2DATASET_HOME), key=lambda path: path == SETTINGS):
        folder.remove(path)
