"""What OUT/duplicates.parquet holds: for each image that repeats another, who survives it and how near it is."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

DUPLICATES_SCHEMA = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False, metadata={"unit": "32 hex digits, of the repeating pair"}),
        pa.field("survivor", pa.string(), nullable=False, metadata={"unit": "32 hex digits"}),
        pa.field(
            "kind",
            pa.string(),
            nullable=False,
            metadata={"unit": "equal_bytes, equal_pixels, equal_hash, near_hash, near_crop, near_altered or semantic"},
        ),
        pa.field(
            "distance", pa.int32(), metadata={"unit": "bits, of 256; near_crop, near_altered: of 128; semantic: null"}
        ),
        pa.field(
            "earlier_run", pa.bool_(), nullable=False, metadata={"unit": "whether the survivor is of another run"}
        ),
        pa.field("cosine", pa.float32(), metadata={"unit": "of the embeddings; semantic alone"}),
        pa.field("report_only", pa.bool_(), nullable=False, metadata={"unit": "whether the pair was kept anyway"}),
    ]
)
# A further column, where a recipe merges texts.
TEXT_MERGED = pa.field(
    "text_merged", pa.bool_(), nullable=False, metadata={"unit": "whether the survivor got the text"}
)
_COMPARED = {"near_crop": " of a crop", "near_altered": " of an altered copy"}


def bits_text(distance: int) -> str:
    """Returns a distance of two hashes in words.

    >>> bits_text(1), bits_text(12)
    ('1 bit', '12 bits')
    """
    return f"{distance} bit{'' if distance == 1 else 's'}"


def how_compared(kind: str) -> str:
    """Returns what is said of a distance behind its bits: which hashes were compared, where not those of whole images.

    >>> how_compared("near_crop"), how_compared("near_hash")
    (' of a crop', '')
    """
    return _COMPARED.get(kind, "")


@dataclass(frozen=True)
class DrawnCluster:
    """One survivor and what it outlived.

    Attributes:
        survivor: uid.
        earlier_run: whether it is of another run.
        report_only: whether the others were kept anyway.
        size: how many others there are.
        members: (uid, how near it is) of some of them.
    """

    kind: str
    survivor: str
    earlier_run: bool
    report_only: bool
    size: int
    members: tuple[tuple[str, str], ...]
