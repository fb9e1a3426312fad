"""Draws the pairs whose URLs are asked, with what is stored of their images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.uids import order_keys
from babelsift.pipelines.inspection.finished import FinishedRun
from babelsift.pipelines.inspection.staged_images import read_staged
from babelsift.pipelines.run_folder.paths import INPUT_IMAGES_FOLDER
from babelsift.schemas import RunFolderError
from babelsift.schemas.columns import PHASH_BYTES

_COLUMNS = ("uid", "url", "sha256")
_WEB = r"(?i)^https?://"


@dataclass(frozen=True)
class Sample:
    """Pairs that were drawn.

    Attributes:
        pairs: uid, url, sha256, pixels_digest, phash, in the order in which they are asked for; the last two are null
            where staging has the image no more, and the digest where another program shaped the image.
        of: how many pairs with a URL the product has.
        without_url: pairs that have none: the input brought their images.
    """

    pairs: pa.Table
    of: int
    without_url: int


def draw_pairs(run: FinishedRun, *, most: int | None, seed: int) -> Sample:
    """Draws pairs of a product by uid and seed: of one product the same, and most of them of the next one, too.

    Args:
        run: a finished run.
        most: how many; None: all.
        seed: of the draw.

    Raises:
        RunFolderError: no pair has a URL.
    """
    drawn, keys = (
        pa.schema([pa.field(name, pa.large_string()) for name in _COLUMNS]).empty_table(),
        np.empty(0, np.uint64),
    )
    of = without_url = 0
    for batch in run.pairs().to_batches(columns=list(_COLUMNS)):
        rows = pa.table({name: batch.column(name).cast(pa.large_string()) for name in _COLUMNS})
        on_web = rows.filter(pc.fill_null(pc.match_substring_regex(rows.column("url"), _WEB), False))
        of, without_url = of + len(on_web), without_url + len(rows) - len(on_web)
        if not len(on_web):
            continue
        drawn = pa.concat_tables([drawn, on_web])
        keys = np.concatenate([keys, order_keys(on_web.column("uid").combine_chunks(), seed)])
        order = np.argsort(keys, kind="stable")[:most]
        drawn, keys = drawn.take(pa.array(order)), keys[order]
    if not of:
        raise RunFolderError(
            f"{run.folder.url}: no pair has a URL on the web, as the input brought the images: nothing can be asked"
        )
    return Sample(_with_pixel_hashes(run, drawn.combine_chunks()), of, without_url)


def _with_pixel_hashes(run: FinishedRun, pairs: pa.Table) -> pa.Table:
    staged = read_staged(run.folder, with_digests=True, of=pairs)
    is_ours = staged.tars is None or staged.tars.url.endswith(INPUT_IMAGES_FOLDER)
    rows = staged.rows_of(pairs)
    for name, kind in (("pixels_digest", pa.string()), ("phash", pa.binary(PHASH_BYTES))):
        values = pa.nulls(len(pairs), kind)
        if name in staged.rows.column_names and (is_ours or name == "phash"):
            values = staged.rows.column(name).combine_chunks().take(rows).cast(kind)
        pairs = pairs.append_column(name, values)
    return pairs
