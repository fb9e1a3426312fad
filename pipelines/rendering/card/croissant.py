"""OUT/croissant.json: the data set as MLCommons' Croissant describes one, for tools that read metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from babelsift.pipelines.rendering.card.responsible_ai import responsible_ai
from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.funnel_view import language_rows
from babelsift.schemas import Recipe

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
    data: ReportData,
    splits: Sequence[tuple[str, str]],
    fields: Sequence[tuple[str, str, str]],
    tars: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Returns the description as JSON-LD: where the shards lie, and the columns of the parquet files beside the tars.

    Args:
        data: the run.
        splits: (name, folder) of the splits that have shards.
        fields: (name, Arrow type, unit or content) of the columns.
        tars: path of each shard's tar -> its SHA-256.
    """
    languages = [row.language for row in language_rows(data.funnel) if row.kept]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": data.recipe.name,
        "description": _description(data),
        "license": _LICENCE,
        "creator": _creator(data.recipe),
        "version": _VERSION,
        "inLanguage": sorted(languages),
        "keywords": ["webdataset", "image-text pairs", "clip", "alt-text", "babelsift"],
        "isLiveDataset": False,
        **responsible_ai(data),
        "distribution": [
            *(_files(split, folder, suffix, kind) for split, folder in splits for suffix, kind in _KINDS.items()),
            *(_tar(path, digest) for path, digest in sorted(tars.items())),
            *(_images(split, _below(tars, folder), data.recipe) for split, folder in splits if _below(tars, folder)),
        ],
        "recordSet": [
            *(_records(split, fields) for split, _ in splits),
            *(_image_records(split) for split, folder in splits if _below(tars, folder)),
        ],
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


def _creator(recipe: Recipe) -> dict[str, str]:
    """Returns whoever ran this, as far as the recipe says it: the contact that it gave to the web's servers."""
    contact = recipe.download.contact
    return {
        "@type": "sc:Organization",
        "name": contact or "not stated",
        **({"url": contact} if contact is not None and _is_url(contact) else {}),
    }


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _extension(recipe: Recipe) -> str:
    """Returns the glob of the names that images have in the tars."""
    return "*.[jpw][pne][gb]*" if recipe.download.skip_reencode else f"*.{recipe.download.encode_format}"


def _below(tars: Mapping[str, str], folder: str) -> list[str]:
    return sorted(path for path in tars if path.startswith(f"{folder}/"))


def _tar(path: str, digest: str) -> dict[str, str]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "encodingFormat": _KINDS["tar"],
        "sha256": digest,
    }


def _images(split: str, tars: Sequence[str], recipe: Recipe) -> dict[str, Any]:
    """Returns the images within a split's tars."""
    return {
        "@type": "cr:FileSet",
        "@id": f"{split}-images",
        "name": f"{split}-images",
        "description": f"The images within the {split} shards' tar files; a name is a sample's key.",
        "containedIn": [{"@id": path} for path in tars],
        "encodingFormat": f"image/{recipe.download.encode_format}".replace("/jpg", "/jpeg"),
        "includes": _extension(recipe),
    }


def _image_records(split: str) -> dict[str, Any]:
    """Returns the images as records: the key under which the other columns have them, and the picture."""
    source = {"fileSet": {"@id": f"{split}-images"}}
    name, images = f"{split}-images-records", f"{split}-images"
    key = {**source, "extract": {"fileProperty": "filename"}, "transform": {"regex": r"^(?:.*/)?([0-9]+)\.\w+$"}}
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"An image of the {split} shards; `key` is the column of that name in `{split}`.",
        "field": [
            _field(f"{name}/key", "sc:Text", "name of the sample's members", key),
            _field(
                f"{name}/image", "sc:ImageObject", f"of {images}", {**source, "extract": {"fileProperty": "content"}}
            ),
        ],
    }


def _field(name: str, kind: str, description: str, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": name,
        "name": name,
        "description": description,
        "dataType": kind,
        "source": source,
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
