"""What a run folder has paid for: downloads, scores and columns, and which of them a recipe can go on with."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.shaping_settings import HEARD_ALWAYS, heard_opt_outs, shaping_settings
from babelsift.pipelines.staging.columns.column_store import COLUMNS_FOLDER
from babelsift.pipelines.staging.scores.score_store import SCORES_FOLDER
from babelsift.pipelines.staging.shards import StagedShard, StagingListing, read_shard, why_not_reused
from babelsift.schemas import RunFolderError
from babelsift.schemas.recipe import DownloadSettings

_READS_AT_ONCE = 16


@dataclass
class StagedDownloads:
    """Staging shards, counted.

    Attributes:
        rows, images, bytes: of the shards that can be used again. stale: why shards cannot be -> [shards, images,
            bytes]. unheard: forms of opt-outs that are to be heard -> images of shards that can be used again and were
            downloaded without hearing them. unfinished: shards that a killed run left. foreign: shards that something
            else wrote.
    """

    shards: int = 0
    rows: int = 0
    images: int = 0
    bytes: int = 0
    stale: dict[str, list[int]] = field(default_factory=dict)
    unheard: dict[str, int] = field(default_factory=dict)
    unfinished: int = 0
    foreign: int = 0


def staged_downloads(folder: RunFolder, settings: DownloadSettings) -> StagedDownloads:
    """Returns what is staged, as a run with these download settings would find it."""
    staged, shaping, heard = StagedDownloads(), shaping_settings(settings), heard_opt_outs(settings)
    for shard in _all_shards(folder):
        stats = shard.stats or {}
        why = why_not_reused(shard, shaping)
        if shard.stats is None:
            staged.unfinished += 1
        elif shard.is_foreign:
            staged.foreign += 1
        elif why is None:
            staged.shards += 1
            staged.rows += stats.get("count", 0)
            staged.images += stats.get("successes", 0)
            staged.bytes += stats.get("tar_bytes", 0)
            for form in set(heard).difference(stats.get("opt_outs", HEARD_ALWAYS)):
                staged.unheard[form] = staged.unheard.get(form, 0) + stats.get("successes", 0)
        else:
            stale = staged.stale.setdefault(why, [0, 0, 0])
            counts = (1, stats.get("successes", 0), stats.get("tar_bytes", 0))
            staged.stale[why] = [before + more for before, more in zip(stale, counts, strict=True)]
    return staged


def _all_shards(folder: RunFolder) -> Iterator[StagedShard]:
    """The staging shards by number; their commit marks are many small files, so many are read at once."""
    listed = sorted(StagingListing(folder).numbers.items())
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        yield from pool.map(lambda one: read_shard(folder, *one), listed)


def say_what_was_not_heard(staged: StagedDownloads) -> None:
    """Warns of staged images that were downloaded before an opt-out was heard; they stay."""
    unheard = {form: images for form, images in sorted(staged.unheard.items()) if images}
    if unheard:
        logging.warning(
            "download: %d images were staged before these opt-outs were heard, and stay: %s; for others to be asked, "
            "use another --output",
            max(unheard.values()),
            ", ".join(unheard),
        )


def check_downloads(folder: RunFolder, settings: DownloadSettings, *, force: bool) -> StagedDownloads:
    """Refuses to download again, unless it is forced, what is staged by other settings; returns what is staged.

    Raises:
        RunFolderError: says which settings differ and what that would cost.
    """
    staged = staged_downloads(folder, settings)
    if (stale := staged.stale) and not force:
        shards, images, size = (sum(column) for column in zip(*stale.values(), strict=True))
        raise RunFolderError(
            f"{folder.url}: {images} images in {shards} staging shards ({size / 1e6:.1f} MB) were downloaded with "
            f"other settings ({' / '.join(stale)}) and would be downloaded again; pass --force for that, set them "
            "back, or choose another --output"
        )
    return staged


def scored_pairs(folder: RunFolder) -> dict[str, int]:
    """Returns {folder of a model's scores, "name-fingerprint": pairs that it has scores of}."""
    return _rows_by_folder(folder, SCORES_FOLDER)


def stored_values(folder: RunFolder) -> dict[str, int]:
    """Returns {folder of a column's values, "name-fingerprint": values that are stored of it}."""
    return _rows_by_folder(folder, COLUMNS_FOLDER)


def _rows_by_folder(folder: RunFolder, root: str) -> dict[str, int]:
    """Returns {folder in `root`: rows of the parquet files in it}."""
    paths = [path for path in folder.files_under(root) if path.endswith(".parquet")]
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        rows = pool.map(lambda path: _rows_of(folder, path), paths)
        counts: Counter[str] = Counter()
        for path, count in zip(paths, rows, strict=True):
            counts[path.removeprefix(f"{root}/").split("/")[0]] += count
    return dict(sorted(counts.items()))


def _rows_of(folder: RunFolder, path: str) -> int:
    try:
        with folder.open(path) as file:
            return pq.ParquetFile(file).metadata.num_rows
    except (OSError, pa.ArrowException):
        return 0  # damaged: the next run names it and makes it again
