"""A scorer that needs no model, and downloaded rows for it to score."""

import numpy as np
import pyarrow as pa

from babelsift.filters.clip import result_schema
from babelsift.schemas import DOWNLOAD_SCHEMA
from babelsift.schemas.recipe import ClipModel


class CountingScorer:
    """Scores by the caption's length, and remembers what it was asked; "bad image"/"bad caption" cannot be scored."""

    fingerprint = "feed" * 16
    info = {"model": "counting"}  # noqa: RUF012 (never changed)

    def __init__(self):
        self.asked = []

    def score_stream(self, pairs, *, embeddings=False):
        for image, caption in pairs:
            self.asked.append((image, caption))
            wrong = caption.removeprefix("bad ") + ": no good" if caption.startswith("bad ") else None
            row = {"similarity": None if wrong else len(caption) / 64, "error": wrong}
            if embeddings and not wrong:
                row |= {name: np.full(2, len(caption), np.float16) for name in ("image_embedding", "text_embedding")}
            yield pa.RecordBatch.from_pylist([row], schema=result_schema(2 if embeddings else None))


def image_named_by_offset(folder, rows):
    return [f"image at {offset}".encode() for offset in rows.column("image_offset").to_pylist()]


def a_counting_scorer(model):
    return CountingScorer()


def download_rows(captions, shard=4, **changes):
    count = len(captions)
    values = {
        "uid": [f"{caption:>032}"[-32:] for caption in captions],
        "url": [f"https://example.org/{at}" for at in range(count)],
        "caption": captions,
        "source_row": list(range(count)),
        "staging_shard": [shard] * count,
        "image_offset": [512 + 2048 * at for at in range(count)],
        "image_size": [1000] * count,
        "sha256": ["aa" * 32] * count,
        "phash": [b"\0" * 32] * count,
        **changes,
    }
    columns = []
    for field in DOWNLOAD_SCHEMA:
        blank = "x" if pa.types.is_string(field.type) else 1
        default = [None if field.nullable else blank] * count
        columns.append(pa.array(values.get(field.name, default), field.type))
    return pa.RecordBatch.from_arrays(
        [*columns, pa.array([{"at": at} for at in range(count)])], schema=DOWNLOAD_SCHEMA.append(CARRIED)
    )


CARRIED = pa.field("carried", pa.struct([("at", pa.int64())]))
CLIP = ClipModel(model="counting")
