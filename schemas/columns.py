"""The columns of a row, stage by stage: each stage's schema is declared once and extends its predecessor's.

Units are in the field metadata. Columns of the input that are not the pair itself are carried through unchanged,
after the columns named here; `carried_name` keeps them from taking a name that a stage owns.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from babelsift.schemas.errors import SchemaError

PHASH_BYTES = 32
PHASH_CROPS_BYTES = 14 * 16
PHASH_VIEWS_BYTES = 9 * 16 + 2
PHASH_COLOURS_BYTES = 8
PDQ_BYTES = 32


def _field(name: str, kind: pa.DataType, *, nullable: bool = False, unit: str | None = None) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"unit": unit} if unit else None)


def _extend(schema: pa.Schema, *fields: pa.Field) -> pa.Schema:
    return pa.schema([*schema, *fields])


# Of the pixels as served; of images that came with the input or lay in an imported folder, of those.
IMAGE_MEASURES = (
    _field("image_brightness", pa.float32(), nullable=True, unit="0 to 1, of the mean colour; null: staged before"),
    _field("image_brightness_5", pa.float32(), nullable=True, unit="0 to 1, which 95 of 100 pixels exceed"),
    _field("image_brightness_99", pa.float32(), nullable=True, unit="0 to 1, which 1 of 100 pixels exceeds"),
    _field("image_contrast", pa.float32(), nullable=True, unit="standard deviation of brightness, 0 to 0.5"),
    _field("image_entropy", pa.float32(), nullable=True, unit="bits, of the values of three channels"),
    _field("image_sharpness", pa.float32(), nullable=True, unit="0 (blurred) to 1"),
    _field("image_colour", pa.float32(), nullable=True, unit="0 (grey) to 1, how far apart channels are"),
    _field("image_border", pa.float32(), nullable=True, unit="share of the area that is a border of one colour"),
)

# Of the image's metadata as served; rows have them where `download.extract_provenance` is on.
IMAGE_PROVENANCE = (
    _field("image_generated", pa.bool_(), nullable=True, unit="whether a program made it, or a part; null: not said"),
    _field("image_source_type", pa.string(), nullable=True, unit="IPTC's digital source type"),
    _field("image_generator", pa.string(), nullable=True, unit="the generator that has left its name or settings"),
    _field("image_c2pa", pa.bool_(), nullable=True, unit="whether there is a C2PA manifest, whoever signed it"),
)

# Of the image as stored; rows have them where `download.faces` is set.
IMAGE_FACES = (
    _field("face_count", pa.int32(), nullable=True, unit="faces that were found; null: staged before"),
    _field(
        "face_boxes",
        pa.string(),
        nullable=True,
        unit="JSON of [left, top, right, bottom] each, in fractions of the sides, the likeliest first",
    ),
)
# The columns that rows have only where the recipe's download makes them.
FURTHER_IMAGE_COLUMNS = (*IMAGE_PROVENANCE, *IMAGE_FACES)

READ_SCHEMA = pa.schema(
    [
        _field("uid", pa.string(), unit="32 hex digits"),
        _field("url", pa.string()),
        _field("caption", pa.string()),
        _field("source_file", pa.string()),
        _field("source_row", pa.int64(), unit="rows from the start of source_file, from 0"),
    ]
)

LANGUAGE_SCHEMA = _extend(
    READ_SCHEMA,
    _field("language", pa.string(), unit="ISO 639-1 where one exists, else 639-3; und"),
    _field("language_score", pa.float32(), unit="probability, 0 to 1"),
)

DOWNLOAD_SCHEMA = _extend(
    LANGUAGE_SCHEMA,
    _field("key", pa.string(), unit="img2dataset key in its staging shard"),
    _field("status", pa.string(), unit="img2dataset status"),
    _field("width", pa.int32(), unit="px, as stored"),
    _field("height", pa.int32(), unit="px, as stored"),
    _field("original_width", pa.int32(), unit="px, as served"),
    _field("original_height", pa.int32(), unit="px, as served"),
    _field("original_bytes", pa.int64(), unit="bytes, as served"),
    _field("sha256", pa.string(), unit="64 hex digits, of the bytes as served"),
    _field(
        "pixels_digest", pa.string(), nullable=True, unit="64 hex digits, of the pixels; null: staged before it was"
    ),
    _field("phash", pa.binary(PHASH_BYTES), unit="256-bit DCT perceptual hash"),
    _field(
        "phash_crops", pa.binary(PHASH_CROPS_BYTES), nullable=True, unit="128-bit hashes of 14 crops; null: as above"
    ),
    _field(
        "phash_views",
        pa.binary(PHASH_VIEWS_BYTES),
        nullable=True,
        unit="128-bit hashes of 9 views, and the orientations of the last two, a byte each; null: as above",
    ),
    _field(
        "phash_colours",
        pa.binary(PHASH_COLOURS_BYTES),
        nullable=True,
        unit="four int16: means and spreads of red less green, yellow less blue, in 1/32 grey level; null: as above",
    ),
    _field("phash_quality", pa.float32(), unit="0 (nothing to tell the image by) to 1"),
    *IMAGE_MEASURES,
    _field("staging_shard", pa.int32(), unit="number of the staging shard"),
    _field("image_extension", pa.string(), unit="jpg, png or webp"),
    _field("image_offset", pa.int64(), unit="bytes from the start of the staging tar"),
    _field("image_size", pa.int64(), unit="bytes in the staging tar"),
    _field("image_crc32", pa.uint32(), nullable=True, unit="CRC-32 of the bytes in the staging tar; null: unknown"),
)

LEDGER_SCHEMA = pa.schema(
    [
        _field("uid", pa.string(), nullable=True, unit="32 hex digits; null where no pair could be read"),
        _field("url", pa.string(), nullable=True),
        _field("caption", pa.string(), nullable=True),
        _field("source_file", pa.string()),
        _field("source_row", pa.int64(), unit="rows from the start of source_file, from 0"),
        _field("language", pa.string(), nullable=True),
        _field("stage", pa.string()),
        _field("reason", pa.string()),
        _field("value", pa.string(), nullable=True, unit="what was found, as text"),
        _field("threshold", pa.string(), nullable=True, unit="what was asked for, as text"),
    ]
)

# Columns that rows have only where something fills them; they stand among the carried ones.
EXTRA_VALUES = _field(
    "extra_values", pa.string(), nullable=True, unit="JSON object of the input's values that no column holds"
)
CAPTION_CHANGES = _field("caption_changes", pa.string(), nullable=True, unit="edits, comma between; null: none")
# Of captions that edits changed, for the report to show.
CAPTION_BEFORE = _field("caption_before", pa.string(), nullable=True, unit="the caption as it was read")
# Where a row of the input has several texts, and where it says their language.
TEXT_SOURCE = _field("text_source", pa.string(), unit="the text's column in the input; in a list: alt[2]")
TEXT_INDEX = _field("text_index", pa.int32(), unit="the text's place among those of its row, from 0")
TEXT_LANGUAGE = _field("text_language", pa.string(), nullable=True, unit="as the input says it")
# Where the input says under which licences images are published.
LICENSE = _field("license", pa.string(), nullable=True, unit="short identifier, as SPDX has it; null: none is known")
MATCHED_ENTRIES = _field("matched_entries", pa.list_(pa.int32()), unit="positions in the language's list, from 0")

_CARRIED = "input_"

# Names of columns that stages, the ledger and the shards make.
_OWNED = frozenset(DOWNLOAD_SCHEMA.names) | frozenset(LEDGER_SCHEMA.names)
_OWNED |= {TEXT_SOURCE.name, TEXT_INDEX.name, TEXT_LANGUAGE.name, "texts", "sample_uid", "text_rank"}
_OWNED |= {EXTRA_VALUES.name, CAPTION_CHANGES.name, MATCHED_ENTRIES.name, "shard", "error_message", "exif", "split"}
_OWNED |= {field.name for field in FURTHER_IMAGE_COLUMNS}


def similarity_column(model_name: str) -> str:
    """Returns the column that holds the similarities of the model with that name."""
    return f"similarity_{model_name}"


def score_schema(model_names: tuple[str, ...], head_names: tuple[str, ...] = ()) -> pa.Schema:
    """Returns the schema after scoring: the download schema, a float32 cosine a model, a float32 score a head.

    They are null where a pair's language leads to another model.
    """
    columns = [
        _field(similarity_column(name), pa.float32(), nullable=True, unit="cosine, -1 to 1") for name in model_names
    ]
    columns += [_field(name, pa.float32(), nullable=True, unit="score of a head") for name in head_names]
    return _extend(DOWNLOAD_SCHEMA, *columns)


def is_stage_column(name: str) -> bool:
    """Returns whether a stage, the ledger or the shards make a column of that name."""
    return name in _OWNED or name.startswith("similarity_")


def carried_name(name: str, made: Collection[str] = ()) -> str:
    """Returns the name that an input column is carried under: unchanged, or `input_<name>` where a stage makes it.

    A column `input_<name>` gets the prefix again: no two columns get the same name. Where our own shards are the input,
    the plan of an input keeps it as it is (`inputs.plan`).

    Args:
        name: of the column.
        made: names of columns that reading makes of this input's, beside those that stages make.

    >>> carried_name("license"), carried_name("uid"), carried_name("input_uid")
    ('license', 'input_uid', 'input_input_uid')
    """
    plain = name
    while plain.startswith(_CARRIED):
        plain = plain.removeprefix(_CARRIED)
    return _CARRIED + name if is_stage_column(plain) or plain in made else name


def check(batch: pa.RecordBatch, schema: pa.Schema, *, where: str) -> pa.RecordBatch:
    """Returns the batch if it has every column of the schema with its type and without forbidden nulls.

    Columns beyond the schema (carried ones) are allowed.

    Raises:
        SchemaError: a column is missing, of another type or null; names it with both types.
    """
    for field in schema:
        index = batch.schema.get_field_index(field.name)
        if index < 0:
            raise SchemaError(f"{where}: column {field.name!r} ({field.type}) is missing; found {batch.schema.names}")
        column = batch.column(index)
        if column.type != field.type:
            raise SchemaError(f"{where}: column {field.name!r} should be {field.type}, found {column.type}")
        if not field.nullable and column.null_count:
            raise SchemaError(f"{where}: column {field.name!r} has {column.null_count} nulls in {len(batch)} rows")
    return batch
