"""The formats of the input's files, by their names.

To bring another source: name its format here; say in `inspection/` what its columns are and what slices it is read by;
read those in `read_slice` as blocks of rows that have these columns. Nothing else knows formats.
"""

from __future__ import annotations

from dataclasses import replace

from babelsift.pipelines.inputs.slices import InputFile
from babelsift.schemas import InputError

WAT, WARC, WEBDATASET = "wat", "warc", "webdataset"
# Those that are read as images of pages, with columns of their own.
CRAWL_FORMATS = (WAT, WARC)
_FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".wat": WAT,  # before .warc: Common Crawl's are named .warc.wat.gz
    ".warc": WARC,
    ".tar": WEBDATASET,
}
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".zip": "zip"}


def with_format(file: InputFile) -> InputFile:
    """Returns a file with the format and the compression that its name says.

    Raises:
        InputError: it says none that is known.
    """
    path = file.shown.partition("?")[0] if file.path.startswith(("http://", "https://")) else file.shown
    found = format_of(path)
    if found is None:
        known = ", ".join(_FORMATS)
        raise InputError(
            f"{file.shown}: unknown format; names end in {known}, plain or with .gz, .zst or .zip after it"
        )
    return replace(file, format=found[0], compression=found[1])


def format_of(path: str) -> tuple[str, str | None] | None:
    """Returns (format, compression) of a file by its name; None where it says none that is known.

    >>> format_of("a/CC-MAIN-1.warc.wat.gz"), format_of("PART-0.Parquet"), format_of("_SUCCESS")
    (('wat', 'gzip'), ('parquet', None), None)
    """
    stem, compression = path.lower(), None
    for suffix, name in _COMPRESSIONS.items():
        if stem.endswith(suffix):
            stem, compression = stem[: -len(suffix)], name
            break
    return next(((kind, compression) for suffix, kind in _FORMATS.items() if stem.endswith(suffix)), None)
