"""Shards for the numbers that a finished staging folder lacks, so that img2dataset takes none of them for not done yet.

img2dataset gives a list of n rows the numbers from 0 to ceil(n / samples per shard) - 1, and does again what has no
_stats.json. Ours are missing where a partition had no rows, or no second shard while others did.
"""

from __future__ import annotations

import math
import time

import pyarrow as pa

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.shaping_settings import shaping_settings
from babelsift.pipelines.staging.layout import STAGED_SCHEMA
from babelsift.pipelines.staging.shards import StagingListing, StagingWriter
from babelsift.schemas.recipe import DownloadSettings


def fill_gaps(folder: RunFolder, settings: DownloadSettings, *, rows: int, partitions: int) -> list[int]:
    """Commits a shard without rows for each number that has no files; returns these numbers.

    Args:
        rows: of the input.
        partitions: of the run folder.
    """
    size = settings.samples_per_staging_shard
    taken = StagingListing(folder).numbers
    # Partitions double before the input has twice as many shards as they are; more would be a guess gone wrong.
    shards = min(max(partitions, math.ceil(rows / size)), 2 * partitions)
    missing = [number for number in range(shards) if number not in taken]
    nothing, now = pa.RecordBatch.from_pylist([], schema=STAGED_SCHEMA), time.time()
    for number in missing:
        with StagingWriter(folder, number, size, shaping_settings(settings)) as writer:
            writer.commit(nothing, start_time=now, end_time=now)
    return missing
