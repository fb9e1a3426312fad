"""Lists of concept entries: one file for all languages, or a folder of files named by language.

Entries are known by their position in their list, so that a list must not be edited between runs that are compared.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection

import fsspec

from babelsift.filters.strings.entry_lists import kind_of_json, read_text
from babelsift.schemas import RecipeError
from babelsift.schemas.languages import normalise_language

_EVERY_LANGUAGE = ""
_DEFAULT = "default"
_SETTING = "metadata.entries"
_REMEDY = "give a JSON list of entries, or one entry a line"
_TABLE = re.compile(
    r"(?i)\.(csv|tsv|jsonl|ndjson|parquet|arrow|feather|xlsx?|ya?ml|pkl|npy|npz)(?:\.(?:gz|zst|bz2|xz))?$"
)
_JSON = re.compile(r"(?i)\.json(?:\.(?:gz|zst|bz2|xz))?$")
# Pages of errors, and what git keeps in the place of large files.
_OTHER_STARTS = ("<!doctype html", "<html", "<?xml", "version https://git-lfs")
_LONGEST_START = max(map(len, _OTHER_STARTS))
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
# Signs around which MetaCLIP puts spaces, beside something else; blanks that it takes for spaces.
_NEVER_IN_CAPTIONS = re.compile(r"[^ ][,.;:?!`]|[,.;:?!`][^ ]|[\t\r\n]")
_LIST_ENDINGS = (".json", ".txt", ".json.gz", ".txt.gz", ".json.zst", ".txt.zst")


def list_for(language: str, lists: Collection[str]) -> str | None:
    """Returns the name of the list that a language's captions are matched with; None where there is none for it.

    Args:
        language: a caption's.
        lists: the names of all lists; "" stands for all languages, `default` for those without a list.

    >>> list_for("fi", ["en", "default"]), list_for("fi", ["en"])
    ('default', None)
    """
    if _EVERY_LANGUAGE in lists:
        return _EVERY_LANGUAGE
    return language if language in lists else _DEFAULT if _DEFAULT in lists else None


def read_lists(path: str) -> dict[str, list[str]]:
    """Returns the entries of each list by its name; see `list_for`.

    Args:
        path: a list, or a folder of lists, on any fsspec file system.

    Raises:
        RecipeError: nothing readable is there, or no list of entries.
    """
    return {name: read_list(file) for name, file in find_lists(path).items()}


def find_lists(path: str) -> dict[str, str]:
    """Returns the file of each list by its name; see `read_lists`.

    Args:
        path: a file or folder, any fsspec URL.

    Raises:
        RecipeError: nothing readable is there, or no list.
    """
    try:
        files, root = fsspec.core.url_to_fs(path)
        is_folder = files.isdir(root)
        names = sorted(files.ls(root, detail=False)) if is_folder else []
    except (OSError, ValueError, ImportError) as error:
        raise RecipeError(f"{_SETTING}: cannot read {path}: {error}") from error
    if not is_folder:
        return {_EVERY_LANGUAGE: path}
    lists: dict[str, str] = {}
    for name in names:
        base = os.path.basename(name)
        if base.endswith(_LIST_ENDINGS):
            name, file = _list_name(base.split(".")[0]), _in_folder(path, base)
            if name in lists:
                raise RecipeError(f"{_SETTING}: {lists[name]} and {file} are both lists of {name}; keep one of them")
            lists[name] = file
    if not lists:
        raise RecipeError(f"{_SETTING}: {path} holds no list; name them by language, such as en.json or zh.txt")
    return lists


def read_list(path: str) -> list[str]:
    """Returns the entries of one file, in its order; an empty line is an error, as it would move all that follow.

    Args:
        path: a JSON list, or one entry a line.

    Raises:
        RecipeError: the file cannot be read, or is no list of entries.
    """
    if table := _TABLE.search(path):
        raise RecipeError(f"{_SETTING}: {path} is a {table[1]} file; {_REMEDY} (.txt)")
    content = read_text(path, setting=_SETTING)
    if content.lstrip()[:1] == "[":
        try:
            entries = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"{_SETTING}: {path} is not a JSON list: {error}") from error
    elif kind := kind_of_json(content):
        raise RecipeError(f"{_SETTING}: {path} holds {kind}; {_REMEDY}")
    elif _JSON.search(path) or content.lstrip()[:_LONGEST_START].lower().startswith(_OTHER_STARTS):
        raise RecipeError(f"{_SETTING}: {path} begins with {content.lstrip()[:40]!r}; {_REMEDY}")
    else:
        lines = content.removesuffix("\n").split("\n") if content else []
        entries = [line.removesuffix("\r") for line in lines]
    wrong = next((at for at, entry in enumerate(entries) if not _is_entry(entry)), None)
    if not entries or wrong is not None:
        found = "nothing" if wrong is None else f"{entries[wrong]!r} at position {wrong}"
        raise RecipeError(f"{_SETTING}: {path} should list entries as text, found {found}")
    if all(_NEVER_IN_CAPTIONS.search(entry) for entry in entries):
        raise RecipeError(
            f"{_SETTING}: no caption can match an entry of {path}, such as {entries[0]!r}: captions are compared with "
            f"spaces around , . ; : ? ! ` and without tabs; {_REMEDY}"
        )
    return entries


def _is_entry(entry: object) -> bool:
    return isinstance(entry, str) and bool(entry.strip()) and not _NO_TEXT.search(entry)


def _in_folder(folder: str, name: str) -> str:
    """Returns the URL of a file in a folder by that of the folder, with the host and user that paths do not have.

    >>> _in_folder("sftp://me@host/lists/", "en.txt"), _in_folder("zip://lists::a.zip", "en.txt")
    ('sftp://me@host/lists/en.txt', 'zip://lists/en.txt::a.zip')
    """
    first, mark, rest = folder.partition("::")
    if mark and "://" not in first:  # simplecache::s3://bucket/lists
        return f"{folder.rstrip('/')}/{name}"
    return f"{first.rstrip('/')}/{name}{mark}{rest}"


def _list_name(base: str) -> str:
    return base if base == _DEFAULT else normalise_language(base)
