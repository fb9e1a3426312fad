"""Reads the hash lists that a recipe names, once a process; a list that has changed since is read again."""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from typing import Any

import fsspec

from babelsift.filters.hash_lists import HashList, HashListError, HashLists, ListEntries, parse_hash_list
from babelsift.pipelines.run_folder.fingerprints import input_files
from babelsift.schemas import RecipeError, one_line, public_url
from babelsift.schemas.recipe import HashListSettings

_SETTING = "download.hash_lists"


def read_hash_lists(lists: tuple[HashListSettings, ...]) -> HashLists:
    """Returns a recipe's lists.

    Args:
        lists: as the recipe has them.

    Raises:
        RecipeError: a file cannot be read, a row is no entry, or a list has none; names file and row, never the entry.
    """
    return HashLists(tuple(_read_list(one, _versions(one)) for one in lists))


def _versions(settings: HashListSettings) -> str:
    return json.dumps(input_files(settings.files))


@lru_cache(maxsize=32)
def _read_list(settings: HashListSettings, _versions_of_files: str) -> HashList:
    entries = ListEntries()
    for path in settings.files:
        where = f"{_SETTING}: {settings.name}: {public_url(path)}"
        try:
            with _open_text(path) as lines:
                parse_hash_list(lines, entries, algorithm=settings.algorithm, min_quality=settings.min_quality)
        except HashListError as error:
            raise RecipeError(f"{where}: {error}; mend the file") from None
        except UnicodeDecodeError:
            raise RecipeError(f"{where}: is not UTF-8; give a text file, a digest a line, or CSV") from None
        except (OSError, ValueError, ImportError, EOFError) as error:
            raise RecipeError(f"{where}: cannot be read: {one_line(error)}; name a file that can") from error
    found = HashList(settings.name, entries.digests, settings.max_distance, settings.min_quality)
    if not found.algorithms:
        rows = f"no entry of {entries.rows} rows is to be compared" if entries.rows else "the list is empty"
        raise RecipeError(f"{_SETTING}: {settings.name}: {rows}; take the list out of the recipe, or mend its files")
    logging.info("hash lists: %s: %d rows, of %s", found.name, entries.rows, ", ".join(sorted(found.algorithms)))
    return found.prepared()


def _open_text(path: str) -> Any:
    return fsspec.open(path, "rt", compression="infer", encoding="utf-8-sig")
