"""What became of one pair: where it is in the shards, or when and why it was left out, and the same of its image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.finished_run import no_complete_run
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import DUPLICATES_FILE, FUNNEL, REJECTS
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.pipelines.run_folder.tombstones import NO_TOMBSTONES, read_tombstones
from babelsift.schemas import RunFolderError, public_url
from babelsift.schemas.duplicates import TEXT_MERGED

_UID_DIGITS = 32
_UID = re.compile(rf"[0-9a-f]{{4,{_UID_DIGITS}}}", re.IGNORECASE)
_UIDS_NAMED = 3
_SIMILARITY = "similarity_"
# Of a row, whether of a shard or of the ledger.
_SHOWN = {
    "uid",
    "url",
    "caption",
    "source_file",
    "source_row",
    "language",
    "key",
    "stage",
    "reason",
    "value",
    "threshold",
}
_PATH = "__path"  # of the parquet file that a row is from

_Row = dict[str, Any]
_Samples = dict[tuple[str, str], list[_Row]]


@dataclass(frozen=True)
class Fate:
    """What became of a row of the input.

    Attributes:
        row: of the shard's table, or of the ledger.
        tar: the shard's path within the run folder; None: the row was left out.
        number: of the row's text among those of its sample, from 1 on; the first is the chosen one.
        texts: of the sample.
        is_asked: whether it is what was asked for, or else another text of the same image.
    """

    row: Mapping[str, Any]
    tar: str | None
    number: int = 1
    texts: int = 1
    is_asked: bool = True

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        shown = {name: value for name, value in self.row.items() if name in _SHOWN or name.startswith(_SIMILARITY)}
        fate = {"fate": "rejected" if self.tar is None else "kept", **shown, "is_asked": self.is_asked}
        return fate if self.tar is None else fate | {"shard": self.tar, "text": self.number, "texts": self.texts}

    def __str__(self) -> str:
        return _rejected_text(self.row) if self.tar is None else self._kept_text(self.tar)

    def _kept_text(self, tar: str) -> str:
        row = self.row
        scores = [f"{key} {row[key]:.4f}" for key in row if key.startswith(_SIMILARITY) and row[key] is not None]
        location = f"{tar}, key {row['key']}"
        if self.texts > 1:
            location += f", text {self.number} of {self.texts}" + (", the chosen one" if self.number == 1 else "")
        return f"kept: {location} ({', '.join([row['language'], *scores])})\n  {_pair(row)}"


def fates_of(output: str, uid_or_url: str) -> list[str]:
    """Returns a text for each input row with that uid or URL, and one for all other texts of the same image.

    Args:
        output: the run folder.
        uid_or_url: as of `find_fates`.

    Raises:
        RunFolderError: as `find_fates`.
    """
    fates = find_fates(output, uid_or_url)
    texts = [str(fate) for fate in fates if fate.is_asked]
    others = [str(fate) for fate in fates if not fate.is_asked]
    if others:
        texts.append("other texts of its image:\n" + indent("\n".join(others), "  "))
    return texts


def find_fates(output: str, uid_or_url: str) -> list[Fate]:
    """Returns the fate of each input row with that uid or URL, then of all other texts of the same image.

    A URL may have several captions; a sample may have texts of several URLs, where those of copies were merged.

    Args:
        output: the run folder.
        uid_or_url: a uid, or its first digits where no other pair's uid begins with them; or a URL.

    Raises:
        RunFolderError: the folder is no complete run, the pair was not in its input, or was removed on
            request, or several pairs' uids begin so.
    """
    folder = RunFolder(output)
    if not folder.exists(FUNNEL):
        raise no_complete_run(output)
    column, condition = "url", pc.field("url") == uid_or_url
    if _UID.fullmatch(uid_or_url):
        column, condition = "uid", pc.starts_with(pc.field("uid"), uid_or_url.lower())
    rows = _rows_where(folder, condition)
    uids = sorted({row["uid"] for row in rows} - {None})
    if not rows:
        raise _no_such_pair(folder, column, uid_or_url)
    if column == "uid" and len(uids) > 1:
        named = ", ".join(uids[:_UIDS_NAMED]) + (", ..." if len(uids) > _UIDS_NAMED else "")
        raise RunFolderError(f"{len(uids)} pairs have a uid that begins with {uid_or_url}: {named}; give more digits")
    of_image, samples = _rows_of_images(folder, rows)
    asked = {_identity(row) for row in rows}
    others = [_fate(row, samples, is_asked=False) for row in of_image if _identity(row) not in asked]
    return [_fate(row, samples, is_asked=True) for row in rows] + others


def _no_such_pair(folder: RunFolder, column: str, value: str) -> RunFolderError:
    removed = read_tombstones(folder) if column == "url" else NO_TOMBSTONES
    if removed.are_urls(pa.array([value])).any():
        said = f"{value} was removed on request, or is kept out as one that was; the ledger has its uid alone"
    else:
        said = f"no pair with {column} {value} was in the input; check its spelling"
        said += ", or ask by uid: of pairs that were removed on request the ledger has no more" if removed else ""
    return RunFolderError(f"{public_url(folder.url)}: {said}")


def _rows_where(folder: RunFolder, condition: pc.Expression) -> list[_Row]:
    """Returns the rows of the shards, in their order, then those of the ledger."""
    kept = [f"{split.folder}/{name}" for split in SPLITS.values() for name in folder.list(split.folder, ".parquet")]
    ledger = [f"{REJECTS}/{name}" for name in folder.list(REJECTS, ".parquet")]
    return [row for path in (*kept, *ledger) for row in _matching_rows(folder, path, condition)]


def _matching_rows(folder: RunFolder, path: str, condition: pc.Expression) -> Iterator[_Row]:
    with folder.open(path) as file:
        for row in pq.read_table(file, filters=condition).to_pylist():
            yield {**row, _PATH: path}


def _rows_of_images(folder: RunFolder, rows: Sequence[_Row]) -> tuple[list[_Row], _Samples]:
    """Returns (all rows of the images that some rows are of, {(path, key): the rows of the sample, in its order})."""
    of_urls = _rows_of_copies(folder, rows)
    samples: _Samples = {}
    for row in (*rows, *of_urls):
        sample = _sample_of(row)
        if sample is not None and sample not in samples:
            samples[sample] = list(_matching_rows(folder, sample[0], pc.field("key") == sample[1]))
    in_samples = [row for sample in samples.values() for row in sample]
    return in_samples + [row for row in of_urls if _sample_of(row) is None], samples


def _rows_of_copies(folder: RunFolder, rows: Sequence[_Row]) -> list[_Row]:
    """Returns all rows of some rows' URLs, and of the URLs of copies whose texts were merged with theirs."""
    found, urls, new = list(rows), set[str](), {row["url"] for row in rows} - {None}
    while new:
        urls |= new
        found = _rows_where(folder, pc.field("url").isin(pa.array(sorted(urls))))
        merged = _merged_with(folder, pa.array(sorted({row["uid"] for row in found} - {None}), pa.string()))
        of_merged = _rows_where(folder, pc.field("uid").isin(merged)) if len(merged) else []
        new = {row["url"] for row in of_merged} - urls
    return found


def _merged_with(folder: RunFolder, uids: pa.Array) -> pa.Array:
    """Returns the uids that duplicates.parquet has of merged texts on the other side of some uids."""
    if not folder.exists(DUPLICATES_FILE):
        return uids.slice(0, 0)
    with folder.open(DUPLICATES_FILE) as file:
        if TEXT_MERGED.name not in pq.read_schema(file).names:
            return uids.slice(0, 0)
        either = pc.field("uid").isin(uids) | pc.field("survivor").isin(uids)
        merged = pq.read_table(file, columns=["uid", "survivor"], filters=either & pc.field(TEXT_MERGED.name))
    return pa.array(sorted({*merged["uid"].to_pylist(), *merged["survivor"].to_pylist()}), pa.string())


def _sample_of(row: _Row) -> tuple[str, str] | None:
    return (row[_PATH], row["key"]) if "key" in row else None


def _identity(row: _Row) -> tuple[Any, ...]:
    return row[_PATH], row["source_file"], row["source_row"], row["uid"]


def _fate(row: _Row, samples: _Samples, *, is_asked: bool) -> Fate:
    sample = _sample_of(row)
    if sample is None:
        return Fate(row, None, is_asked=is_asked)
    texts = [_identity(text) for text in samples[sample]]
    tar = f"{row[_PATH].removesuffix('.parquet')}.tar"
    return Fate(row, tar, texts.index(_identity(row)) + 1, len(texts), is_asked)


def _rejected_text(row: Mapping[str, Any]) -> str:
    value = f", found {row['value']}" if row["value"] is not None else ""
    threshold = f", asked for {row['threshold']}" if row["threshold"] is not None else ""
    return f"left out at {row['stage']}: {row['reason']}{value}{threshold}\n  {_pair(row)}"


def _pair(row: Mapping[str, Any]) -> str:
    read = f"row {row['source_row']} of {row['source_file']}"
    return f"uid {row['uid']}  url {row['url']}  caption {row['caption']!r}  {read}"
