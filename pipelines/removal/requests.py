"""The lists that say what is to be removed: URLs, domains, uids or hashes, one an entry, as digests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from babelsift.filters.strings.entry_lists import read_entries
from babelsift.filters.urls import parse_hosts
from babelsift.pipelines.inputs.named_file import open_named_file
from babelsift.pipelines.run_folder.tombstones import DOMAIN, HASHES, UID, URL, Tombstones, digests_of, url_digests
from babelsift.schemas import InputError, public_url
from babelsift.schemas.recipe.groups.settings import EntryList

LISTS = ("urls", "domains", "uids", "hashes")
_COLUMNS = {"urls": "url", "domains": "domain", "uids": "uid", "hashes": "hash"}
_UID = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"(?:(md5|sha1|sha256):)?([0-9a-f]+)(?:\s.*)?")  # and a file's name, as sha256sum writes it
_REMARK = re.compile(r"\s#.*")
_HASH_OF_DIGITS = {32: "md5", 40: "sha1", 64: "sha256"}


@dataclass(frozen=True)
class Request:
    """What one list asks for.

    Attributes:
        name: of LISTS.
        entries: how many different ones it has.
        tombstones: their digests.
    """

    name: str
    entries: int
    tombstones: Tombstones


def read_request(name: str, path: str) -> Request:
    """Returns what a list asks for.

    Args:
        name: of LISTS.
        path: local or any fsspec URL: text, an entry a line, blank lines and `#` comments passed over; or .parquet,
            .csv or .tsv with a column url, domain, uid or hash; or, of uids, .npy as `babelsift subset` writes it.

    Raises:
        InputError, RecipeError: it cannot be read, or an entry is none; names the entry.
    """
    digests: dict[str, set[bytes]] = {}
    for number, entry in enumerate(_entries(name, path), start=1):
        try:
            kind, found = _DIGESTS[name](entry)
        except ValueError as error:
            shown = entry if name != "urls" else public_url(entry)
            raise InputError(f"--{name} {public_url(path)}: entry {number}: {shown[:80]!r} {error}") from error
        digests.setdefault(kind, set()).update(found)
    tombstones = Tombstones({kind: frozenset(of_kind) for kind, of_kind in sorted(digests.items())})
    return Request(name, sum(len(of_kind) for of_kind in digests.values()), tombstones)


def _entries(name: str, path: str) -> Iterator[str]:
    setting, ending = f"--{name}", path.rpartition(".")[2].lower()
    if ending not in ("parquet", "csv", "tsv") and not (ending == "npy" and name == "uids"):
        yield from read_entries(EntryList(files=(path,)), setting=setting)
        return
    column = _COLUMNS[name]
    remedy = f"give a table with a column {column!r}, or a text file, one entry a line"
    with open_named_file(path, setting=setting, remedy=remedy) as file:
        if ending == "npy":
            for number in np.load(file, allow_pickle=False):
                yield "".join(f"{int(half):016x}" for half in number)
            return
        if ending == "parquet":
            values = pq.read_table(file, columns=[column]).column(column)
        else:
            options = pa_csv.ParseOptions(delimiter="\t" if ending == "tsv" else ",")
            types = pa_csv.ConvertOptions(include_columns=[column], column_types={column: pa.string()})
            values = pa_csv.read_csv(file, parse_options=options, convert_options=types).column(column)
        yield from (str(value).strip() for value in values.to_pylist() if value is not None and str(value).strip())


def _of_url(entry: str) -> tuple[str, frozenset[bytes]]:
    url = _REMARK.sub("", entry).rstrip()
    if url.endswith("/*"):
        raise ValueError("stands for many URLs; list each, or use --domains")
    return URL, url_digests([url if "://" in url else f"https://{url}"])


def _of_domain(entry: str) -> tuple[str, list[bytes]]:
    try:
        [name] = parse_hosts([entry])
    except ValueError:
        raise ValueError("is no domain; write it like example.com") from None
    return DOMAIN, digests_of(DOMAIN, [name])


def _of_uid(entry: str) -> tuple[str, list[bytes]]:
    uid = entry.lower()
    if not _UID.fullmatch(uid):
        raise ValueError("is no uid: 32 hex digits")
    return UID, digests_of(UID, [uid])


def _of_hash(entry: str) -> tuple[str, list[bytes]]:
    match = _HASH.fullmatch(entry.lower())
    kind = _HASH_OF_DIGITS.get(len(match[2])) if match else None
    if match is None or kind not in HASHES or match[1] not in (None, kind):
        raise ValueError("is no hash: hex digits of MD5 (32), SHA-1 (40) or SHA-256 (64)")
    return kind, digests_of(kind, [match[2]])


_DIGESTS: dict[str, Callable[[str], tuple[str, frozenset[bytes] | list[bytes]]]] = {
    "urls": _of_url,
    "domains": _of_domain,
    "uids": _of_uid,
    "hashes": _of_hash,
}
