"""What is to be read: the files behind the globs, their formats, and the columns that they share."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa

from babelsift.pipelines.inputs.carried.types import ColumnKind, unify, unique_names
from babelsift.pipelines.inputs.columns import ColumnChoice
from babelsift.pipelines.inputs.formats import CRAWL_FORMATS, with_format
from babelsift.pipelines.inputs.inspect_file import inspect_file
from babelsift.pipelines.inputs.inspection.inspected_file import InspectedFile, known_size
from babelsift.pipelines.inputs.list_files import input_files
from babelsift.pipelines.inputs.slices import InputFile, InputPlan, InputSlice
from babelsift.pipelines.inputs.texts import text_sources
from babelsift.schemas import EXTRA_VALUES, LICENSE, READ_SCHEMA, InputError, carried_name
from babelsift.schemas.columns import is_stage_column

# Of all JSON files together so much is looked through for their keys and types, before the first row is read.
_SCANNED_CHARACTERS = 1 << 26
_SIZES_ASKED = 256
_EMPTY_SHOWN = 10


def plan_input(
    globs: Sequence[str],
    *,
    url_column: str | None = None,
    caption_column: str | None = None,
    columns: ColumnChoice | None = None,
    scanned_characters: int = _SCANNED_CHARACTERS,
) -> InputPlan:
    """Returns the plan for reading every file that the globs match, in the order of the globs and of their paths.

    Args:
        globs: paths or fsspec URLs, with or without wildcards.
        url_column: name of the URLs' column; None: the first of URL_COLUMNS that a file has.
        caption_column: name of the captions' column; None: the first of CAPTION_COLUMNS that a file has.
        columns: both and more, in the place of `url_column` and `caption_column`.
        scanned_characters: of all JSON files together so many are looked through for keys and types.

    Raises:
        InputError: a glob matches nothing, a file's format is unknown or unreadable, or a column is missing.
    """
    choice = columns or ColumnChoice(url_column, caption_column, option="--caption-col")
    return plan_files(input_files(globs), choice, scanned_characters=scanned_characters)


def plan_files(
    files: Sequence[InputFile], choice: ColumnChoice, *, scanned_characters: int = _SCANNED_CHARACTERS
) -> InputPlan:
    """Returns the plan for reading files in their order; see `plan_input`."""
    files = [with_format(file) for file in files]
    each = scanned_characters // max(1, sum(file.format.startswith("json") for file in files))
    with ThreadPoolExecutor(16) as pool:
        sizes = _guessed_sizes(files, pool)
        inspected = list(
            pool.map(
                lambda file: inspect_file(file, choice, scanned_characters=each, guessed_size=sizes.get(file)), files
            )
        )
    filled = [found for found in inspected if found.layout is not None]
    empty = [found.file for found in inspected if found.layout is None]
    if not filled:
        raise InputError(f"{empty[0].shown}: is empty; a {empty[0].format} file starts with {_beginning(empty[0])}")
    for file in empty[:_EMPTY_SHOWN]:
        logging.warning("read: %s: is empty", file.shown)
    if len(empty) > _EMPTY_SHOWN:
        logging.warning("read: %d files more are empty", len(empty) - _EMPTY_SHOWN)
    return _plan(filled)


def _guessed_sizes(files: Sequence[InputFile], pool: ThreadPoolExecutor) -> dict[InputFile, int]:
    """Returns the sizes of many files of a crawl: of some that are asked, of the others what these have on the average.

    A list of paths has 90 000; each would be a request, and only how the work is cut up hangs on it.
    """
    crawled = [file for file in files if file.format in CRAWL_FORMATS]
    if len(crawled) <= _SIZES_ASKED:
        return {}
    stride = -(-len(crawled) // _SIZES_ASKED)
    asked = dict(zip(crawled[::stride], pool.map(known_size, crawled[::stride]), strict=True))
    known = {file: size for file, size in asked.items() if size is not None}
    mean = max(1, sum(known.values()) // max(1, len(known)))
    return dict.fromkeys(crawled, mean) | known


def _plan(files: Sequence[InspectedFile]) -> InputPlan:
    says_licenses = any(file.layout is not None and file.layout.license is not None for file in files)
    names = [_carried_names(file, made=(LICENSE.name,) if says_licenses else ()) for file in files]
    kinds: dict[str, ColumnKind] = {}
    sources: dict[str, str] = {}
    for file, carried in zip(files, names, strict=True):
        for name, index in carried.items():
            kind = file.kinds[index]
            kinds[name] = unify(kinds[name], kind) if name in kinds else kind
            sources.setdefault(name, _clean(file.names[index]))
    schema = pa.schema([pa.field(name, kind.type) for name, kind in kinds.items()])
    if says_licenses:
        schema = schema.append(pa.field(LICENSE.name, LICENSE.type))
    if not all(file.is_looked_through for file in files):
        schema = schema.append(pa.field(EXTRA_VALUES.name, EXTRA_VALUES.type))
    slices = [_slices(file, carried, schema) for file, carried in zip(files, names, strict=True)]
    first = files[0]
    assert first.layout is not None
    return InputPlan(
        slices=tuple(itertools.chain.from_iterable(slices)),
        url_column=_clean(first.names[first.layout.url]),
        caption_column=_shown_captions(first),
        carried=schema,
        sources=sources,
        estimated_rows=sum(file.rows for file in files),
        has_several_texts=any(file.has_several_texts for file in files),
        has_text_languages=any(file.layout is not None and file.layout.language is not None for file in files),
    )


def _shown_captions(file: InspectedFile) -> str:
    assert file.layout is not None
    return "+".join("/".join(_clean(file.names[index]) for index in chain) for chain in file.layout.captions)


# What pandas writes beside the columns of a table: the numbers of its rows, or of rows that they once were.
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")


def _carried_names(file: InspectedFile, *, made: Collection[str]) -> dict[str, int]:
    """Returns the names that a file's other columns are carried by -> their indices.

    Args:
        file: the file.
        made: names of carried columns that are made of others, which none of its own may have.
    """
    assert file.layout is not None
    cleaned = [_clean(name) for name in file.names]
    in_ours = _names_in_ours(cleaned)
    indices = [
        index
        for index, name in enumerate(cleaned)
        if index not in file.layout.pair | file.left_out
        and in_ours.get(name, name) is not None
        and not _PANDAS_INDEX.fullmatch(name)
    ]
    named = [cleaned[index] or f"column_{index + 1}" for index in indices]
    names = [in_ours.get(name) or carried_name(name, made) for name in named]
    unique = unique_names(names)
    for index, name, new in zip(indices, names, unique, strict=True):
        if new != name:
            logging.warning(
                "read: %s: column %d is named %r as another is; it is carried as %r",
                file.file.shown, index + 1, file.names[index], new,
            )  # fmt: skip
    return dict(zip(unique, indices, strict=True))


def _names_in_ours(names: Sequence[str]) -> dict[str, str | None]:
    """Returns how columns of our own shards are carried that would get a name anew each time they are the input.

    There `input_license` is what the first input had, and stays that. What a run made and this one makes again is left
    out (None) where the first input's is there.
    """
    if not set(READ_SCHEMA.names) <= set(names):
        return {}
    firsts = {name: name for name in names if carried_name(name) != name and not is_stage_column(name)}
    return {**firsts, **{name: None for name in names if is_stage_column(name) and carried_name(name) in firsts}}


def _clean(name: str) -> str:
    """Returns a column's name without blanks around it, and as UTF-8 can hold it."""
    return name.strip().encode("utf-8", "replace").decode()


def _slices(file: InspectedFile, carried: dict[str, int], schema: pa.Schema) -> list[InputSlice]:
    assert file.layout is not None
    texts = [index for chain in file.layout.captions for index in chain]
    layout = replace(
        file.layout,
        carried=tuple(carried.get(name) for name in schema.names),
        text_sources=text_sources(file.names, texts, _clean),
    )
    return [InputSlice(file.file, layout, part.row_groups, part.first_row, part.rows) for part in file.ranges]


def _beginning(file: InputFile) -> str:
    return "its column names" if file.format in ("csv", "tsv") else "its first row"
