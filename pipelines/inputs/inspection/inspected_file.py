"""What is known of a file before its rows are read, and how large it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from babelsift.pipelines.inputs.carried.json_kind import JsonKind
from babelsift.pipelines.inputs.carried.types import ColumnKind
from babelsift.pipelines.inputs.columns import PairColumns
from babelsift.pipelines.inputs.slices import FileLayout, InputFile
from babelsift.pipelines.storage.errors import retrying, storage_failures
from babelsift.pipelines.storage.file_systems import open_file_system
from babelsift.schemas import InputError

SAMPLED_ROWS = 1000
_GUESSED_COMPRESSION = 4


@dataclass(frozen=True)
class RowRange:
    """Row groups of a parquet file, or all of a text file; see `InputSlice` for the fields."""

    row_groups: tuple[int, ...] = ()
    first_row: int = 0
    rows: int | None = None


@dataclass(frozen=True)
class InspectedFile:
    """What was found out about a file.

    Attributes:
        file: the file.
        names: of its columns, in their order.
        kinds: of its columns, as they are carried.
        layout: where the pair is, before anything is carried; None: the file is empty.
        ranges: the slices that it is read by.
        rows: how many it has, exact for parquet, a guess for text.
        is_looked_through: whether `names` and `kinds` are known to hold for every row.
        lists: indices of the columns that hold lists, alone or among fewer strings.
        left_out: indices of columns that are neither of the pair nor carried.
    """

    file: InputFile
    names: tuple[str, ...] = ()
    kinds: tuple[ColumnKind, ...] = ()
    layout: FileLayout | None = None
    ranges: tuple[RowRange, ...] = ()
    rows: int = 0
    is_looked_through: bool = True
    lists: frozenset[int] = frozenset()
    left_out: frozenset[int] = frozenset()

    @property
    def has_several_texts(self) -> bool:
        """Whether a row may have several texts, or its text several sources."""
        captions = () if self.layout is None else self.layout.captions
        indices = [index for chain in captions for index in chain]
        return len(indices) > 1 or not self.lists.isdisjoint(indices)


def layout_of(pair: PairColumns, **more: Any) -> FileLayout:
    """Returns where a pair is in a row, before anything is carried.

    Args:
        pair: its columns.
        more: other fields of `FileLayout`.
    """
    return FileLayout(pair.url, pair.captions, language=pair.language, license=pair.license, **more)


class RecordKinds:
    """The keys of records that were looked at, and of which type the values of each are."""

    def __init__(self) -> None:
        self._kinds: dict[str, JsonKind] = {}
        self._records = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Takes a record into account."""
        self._records += 1
        for name, value in record.items():
            self._kinds.setdefault(name, JsonKind()).add(value)

    @property
    def names(self) -> tuple[str, ...]:
        """The keys, in the order in which they came."""
        return tuple(self._kinds)

    @property
    def common_names(self) -> tuple[str, ...]:
        """The keys that at least every second record has."""
        return tuple(name for name, kind in self._kinds.items() if 2 * kind.count >= self._records)

    def usual(self, candidates: Sequence[str]) -> str | None:
        """Returns the first of some keys that the records have; None where they have none of them.

        A key that another is there for twice as often is a stray one.
        """
        counts = {name: self._kinds[name].texts for name in candidates if name in self._kinds}
        most = max(counts.values(), default=0)
        return next((name for name, count in counts.items() if 2 * count >= most), None)

    def column_kinds(self, is_looked_through: bool) -> tuple[ColumnKind, ...]:
        """Returns how each key is carried.

        Args:
            is_looked_through: whether all records were looked at.
        """
        return tuple(kind.column_kind(is_looked_through) for kind in self._kinds.values())

    @property
    def lists(self) -> frozenset[int]:
        """Indices of the keys that hold lists."""
        return frozenset(index for index, kind in enumerate(self._kinds.values()) if kind.is_of_lists)


def characters_of(file: InputFile) -> int:
    """Returns about how many characters a text file has."""
    return size_of(file) * (_GUESSED_COMPRESSION if file.compression else 1)


def size_of(file: InputFile) -> int:
    """Returns a file's bytes, 0 where they are not known."""
    return known_size(file) or 0


def known_size(file: InputFile) -> int | None:
    """Returns a file's bytes; None where its file system does not say.

    Raises:
        InputError: the file system does not give the file.
    """
    with storage_failures(InputError, f"{file.shown}: cannot be read"):
        fs, path = open_file_system(file.path)
        size: int | None = retrying(lambda: fs.info(path)).get("size")
    return size
