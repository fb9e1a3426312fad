"""The text of a list of hashes, as entries. What is wrong is said by row, and never what the row holds."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

DIGEST_BYTES = {"md5": 16, "sha1": 20, "sha256": 32, "pdq": 32}
_BY_DIGITS = {32: "md5", 40: "sha1"}
_HEX = re.compile(r"[0-9A-Fa-f]+\Z")
_SEPARATORS = re.compile(r"[,;\t ]+\*?")
_MAX_QUALITY = 100
# Columns of CSV files, in lower case without spaces, dashes and underscores.
_DIGEST_COLUMNS = {name: algorithm for algorithm in DIGEST_BYTES for name in (algorithm, f"{algorithm}hash")}
_DIGEST_COLUMNS |= {f"hash{algorithm}": algorithm for algorithm in DIGEST_BYTES}
_ANY_DIGEST = ("hash", "digest", "indicator", "signal", "value", "hashvalue")
_KIND = ("algorithm", "type", "hashtype", "signaltype", "indicatortype")
_QUALITY = ("quality", "pdqquality", "pdqhashquality")
_PHOTO_DNA = ("photodna", "pdna", "photodnahash", "hashphotodna")


class HashListError(ValueError):
    """A list that cannot be used: the message names the row, never its content."""


@dataclass
class ListEntries:
    """The entries of a list.

    Attributes:
        digests: algorithm -> the digests' bytes, one after another.
        rows: how many rows had any.
    """

    digests: dict[str, bytearray] = field(default_factory=dict)
    rows: int = 0

    def add(self, algorithm: str, digest: bytes) -> None:
        """Adds an entry."""
        self.digests.setdefault(algorithm, bytearray()).extend(digest)


def parse_hash_list(
    lines: Iterable[str], entries: ListEntries, *, algorithm: str | None = None, min_quality: int = 0
) -> None:
    """Adds the entries of a file to those of others.

    A file has a digest a line, after which anything may follow, as `sha256sum` and PDQ's own programs write it; or it
    is CSV with a header, of which the columns of digests are read. Empty lines and those that begin with `#` are
    passed over.

    Args:
        lines: of the file, from its first.
        entries: is added to.
        algorithm: of the digests; None: as the header or the digests' lengths say.
        min_quality: PDQ entries of which the file says a lower quality are left out.

    Raises:
        HashListError: a row is no entry.

    >>> entries = ListEntries()
    >>> parse_hash_list(["md5,name", "D41D8CD98F00B204E9800998ECF8427E,empty"], entries)
    >>> {name: digest.hex() for name, digest in entries.digests.items()}
    {'md5': 'd41d8cd98f00b204e9800998ecf8427e'}
    """
    numbered = ((row, line.strip()) for row, line in enumerate(lines, 1))
    content = ((row, line) for row, line in numbered if line and not line.startswith("#"))
    first = next(content, None)
    if first is None:
        return
    if _is_digest(_SEPARATORS.split(first[1])[0].strip('"')):
        for row, line in chain([first], content):
            entries.rows += 1
            fields = _SEPARATORS.split(line)
            name, digest = _digest(fields[0].strip('"'), algorithm, row)
            quality = fields[1] if name == "pdq" and len(fields) > 1 else ""
            if not quality.isdecimal() or _quality(quality, row) >= min_quality:
                entries.add(name, digest)
        return
    table = _Table(_fields(*first), algorithm, first[0])
    for row, line in content:
        entries.rows += 1
        for name, digest in table.entries(_fields(row, line), row, min_quality):
            entries.add(name, digest)


class _Table:
    """The columns of a CSV file that hold digests."""

    def __init__(self, header: Sequence[str], algorithm: str | None, row: int) -> None:
        names = [re.sub(r"[\s_-]", "", name).lower() for name in header]
        self._columns = {
            column: _DIGEST_COLUMNS[name]
            for column, name in enumerate(names)
            if name in _DIGEST_COLUMNS and algorithm in (None, _DIGEST_COLUMNS[name])
        }
        self._width = len(names)
        self._algorithm = algorithm
        self._any = None if self._columns else _first(names, _ANY_DIGEST)
        self._kind = _first(names, _KIND)
        self._quality = _first(names, _QUALITY)
        if not self._columns and self._any is None:
            wanted = algorithm or ", ".join(DIGEST_BYTES)
            if any(name in _PHOTO_DNA for name in names):
                raise HashListError(f"row {row}: the only hashes are PhotoDNA's, which only its licensees can compute")
            raise HashListError(f"row {row} is neither a digest nor a header with a column named {wanted} or hash")

    def entries(self, fields: Sequence[str], row: int, min_quality: int) -> Iterator[tuple[str, bytes]]:
        """Yields (algorithm, digest) of a row."""
        if len(fields) != self._width:
            raise HashListError(f"row {row} has {len(fields)} fields and the header {self._width}")
        found: list[tuple[str, str | None]]
        if self._any is None:
            found = [(fields[column], name) for column, name in self._columns.items() if fields[column]]
        else:
            kind = self._algorithm if self._kind is None else _kind(fields[self._kind])
            if kind not in (None, *DIGEST_BYTES) or self._algorithm not in (None, kind):
                return  # a signal of another kind, of which such a file has rows, too
            found = [(fields[self._any], kind)]
        if not found:
            raise HashListError(f"row {row} has no digest")
        quality = fields[self._quality] if self._quality is not None else ""
        is_good = not quality or _quality(quality, row) >= min_quality
        for text, name in found:
            algorithm, digest = _digest(text, name, row)
            if algorithm != "pdq" or is_good:
                yield algorithm, digest


def _fields(row: int, line: str) -> list[str]:
    try:
        [fields] = csv.reader([line], strict=True)
    except (csv.Error, ValueError):
        raise HashListError(f"row {row} is no row of a CSV file") from None
    return [one.strip() for one in fields]


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _kind(text: str) -> str:
    return re.sub(r"[\s_-]", "", text).lower().removeprefix("hash")


def _is_digest(text: str) -> bool:
    return len(text) in (*_BY_DIGITS, 64, 96, 128) and _HEX.match(text) is not None


def _digest(text: str, algorithm: str | None, row: int) -> tuple[str, bytes]:
    """Returns (the algorithm, the digest's bytes)."""
    if _HEX.match(text) is None:
        raise HashListError(f"row {row} is no digest in hex digits")
    if algorithm is None:
        algorithm = _BY_DIGITS.get(len(text))
        if algorithm is None:
            of_two = (
                "SHA-256 or PDQ: say which by `algorithm`" if len(text) == 64 else "no digest that is computed here"
            )
            raise HashListError(f"row {row} has {len(text)} hex digits: {of_two}")
    if len(text) != 2 * DIGEST_BYTES[algorithm]:
        wanted = 2 * DIGEST_BYTES[algorithm]
        raise HashListError(f"row {row} has {len(text)} hex digits, and {algorithm} has {wanted}")
    return algorithm, bytes.fromhex(text)


def _quality(text: str, row: int) -> int:
    try:
        quality = float(text)
    except ValueError:
        quality = -1.0
    if not 0 <= quality <= _MAX_QUALITY:
        raise HashListError(f"row {row}: PDQ's quality is a number from 0 to {_MAX_QUALITY}")
    return int(quality)
