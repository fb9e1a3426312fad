"""OUT/croissant.json: the data set as MLCommons' Croissant describes one, for tools that read metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.funnel_view import language_rows

# As https://docs.mlcommons.org/croissant/docs/croissant-spec.html has it.
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "equivalentProperty": "cr:equivalentProperty",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_LICENCE = "Each image and caption keeps the rights and the terms of the page that it comes from; see README.md."
_VERSION = "1.0.0"  # Croissant asks for one; which data these are, the files' digests say
_KINDS = {"tar": "application/x-tar", "parquet": "application/x-parquet"}
_DATA_TYPES = {"int32": "sc:Integer", "int64": "sc:Integer", "float": "sc:Float", "double": "sc:Float"}


def croissant(
    data: ReportData, splits: Sequence[tuple[str, str]], fields: Sequence[tuple[str, str, str]]
) -> dict[str, Any]:
    """Returns the description as JSON-LD: where the shards lie, and the columns of the parquet files beside the tars.

    Args:
        data: the run.
        splits: (name, folder) of the splits that have shards.
        fields: (name, Arrow type, unit or content) of the columns.
    """
    languages = [row.language for row in language_rows(data.funnel) if row.kept]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": data.recipe.name,
        "description": _description(data),
        "license": _LICENCE,
        "version": _VERSION,
        "inLanguage": sorted(languages),
        "keywords": ["webdataset", "image-text pairs", "clip", "alt-text", "babelsift"],
        "isLiveDataset": False,
        "distribution": [
            _files(split, folder, suffix, kind) for split, folder in splits for suffix, kind in _KINDS.items()
        ],
        "recordSet": [_records(split, fields) for split, _ in splits],
    }


def _description(data: ReportData) -> str:
    said = f"{data.recipe.description} " if data.recipe.description else ""
    return (
        f"{said}{data.funnel.kept_rows} pairs of an image from the web and its alt-text, as webdataset shards, "
        f"selected from {data.funnel.input_rows} input rows by babelsift with the recipe {data.recipe.name}."
    )


def _files(split: str, folder: str, suffix: str, kind: str) -> dict[str, str]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{split}-{suffix}",
        "name": f"{split}-{suffix}",
        "description": f"The {split} shards' {suffix} files; the digest of each is in its shard's _stats.json.",
        "encodingFormat": kind,
        "includes": f"{folder}/*.{suffix}",
    }


def _records(split: str, fields: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"A record a pair of the {split} shards; its image is in the tar, under its key.",
        "key": {"@id": f"{split}/uid"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{split}/{name}",
                "name": f"{split}/{name}",
                "description": unit or name,
                "dataType": _DATA_TYPES.get(kind, "sc:Text"),
                **({"repeated": True} if kind.startswith("list") else {}),
                "source": {"fileSet": {"@id": f"{split}-parquet"}, "extract": {"column": name}},
            }
            for name, kind, unit in fields
        ],
    }
