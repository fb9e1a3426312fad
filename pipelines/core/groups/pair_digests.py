"""Digests of a batch's pairs, URLs and captions, by which rows are told to be the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup import comparable_captions
from babelsift.filters.uids import digests, row_keys, uid_bytes
from babelsift.filters.urls import canonical_urls, registered_domains

PAGE_URL = "page_url"  # the carried column in which crawls and documents say which page shows an image


def uid_digests(batch: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n]: the uid is itself the digest of url and caption."""
    return uid_bytes(batch.column("uid"))


def url_digests(batch: pa.RecordBatch, *, canonical: bool = False) -> np.ndarray:
    """Returns S16[n], digests of the urls."""
    return digests_of_urls(batch.column("url"), canonical=canonical)


def digests_of_urls(urls: pa.Array, *, canonical: bool = False) -> np.ndarray:
    """Returns S16[n], digests of urls, or of their canonical spelling."""
    return digests(canonical_urls(urls) if canonical else urls)


def caption_digests(batch: pa.RecordBatch, *, normalise: bool = False) -> np.ndarray:
    """Returns S16[n], digests of the captions, or of what `comparable_captions` makes of them."""
    captions = batch.column("caption")
    return digests(comparable_captions(captions) if normalise else captions)


def row_caption_digests(batch: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n]: of all captions that a source row has in the batch the lowest digest, so that they count once."""
    captions = caption_digests(batch).view("V16")
    _, rows = np.unique(row_keys(batch.column("source_file"), batch.column("source_row")), return_inverse=True)
    high, low = halves(captions)
    order = np.lexsort((low, high, rows))
    _, starts = np.unique(rows[order], return_index=True)
    return captions[order[starts]][rows]


def source_digests(batch: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n]: of the page that shows the image and the domain that serves it.

    Where no carried column `page_url` says the page, the row stands for it.
    """
    found = np.zeros((len(batch), 2), "<u8")
    found[:, 0] = row_keys(batch.column("source_file"), batch.column("source_row"))
    of_rows = found.view("V16").reshape(-1)
    place = batch.schema.get_field_index(PAGE_URL)
    if place < 0 or not (pa.types.is_string(kind := batch.schema.field(place).type) or pa.types.is_large_string(kind)):
        return of_rows
    pages = pc.fill_null(pc.utf8_trim_whitespace(batch.column(place)), "")
    domains = pc.fill_null(registered_domains(batch.column("url")), "")
    is_known = pc.not_equal(pages, "").to_numpy(zero_copy_only=False)
    return np.where(is_known, digests(pages, domains).view("V16"), of_rows)


def pair_digests(batch: pa.RecordBatch, *, canonical: bool, normalise: bool) -> np.ndarray:
    """Returns S16[n], digests of url and caption together, either as it is or as it is compared."""
    urls, captions = batch.column("url"), batch.column("caption")
    return digests(
        canonical_urls(urls) if canonical else urls, comparable_captions(captions) if normalise else captions
    )
