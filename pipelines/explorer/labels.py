"""Labels that a person gives to pairs, in a CSV file beside the run, and how well each rule agrees with them.

The file has the columns `uid`, `label` (1: good, 0: bad) and `run`; `babelsift train-head --labels` reads it as it is.
The run folder itself is never written to.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.explorer.pairs.columns import Columns
from babelsift.schemas import InputError, one_line

GOOD, BAD = "good", "bad"
LABEL = "label"  # the facet
_COLUMNS = ("uid", "label", "run")
_NUMBERS = {GOOD: "1", BAD: "0"}


class Labels:
    """The labels of pairs, by uid.

    Attributes:
        path: the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._of_uid: dict[str, tuple[str, str]] = dict(self._read())

    def set(self, uid: str, label: str | None, run: str) -> None:
        """Labels a pair, or takes its label off, and writes the file whole, with what others wrote there meanwhile.

        Args:
            uid: of the pair.
            label: GOOD, BAD or None.
            run: where it was seen.

        Raises:
            InputError: the file cannot be read or written.
        """
        with self._lock, _alone_in(self.path.parent):
            labels = dict(self._read()) if self.path.exists() else dict(self._of_uid)
            if label is None:
                labels.pop(uid, None)
            else:
                labels[uid] = (label, run)
            self._of_uid = labels
            self._write()

    def of(self, uid: str | None) -> str | None:
        """Returns a pair's label."""
        return self._of_uid.get(uid or "", (None, ""))[0]

    def __len__(self) -> int:
        return len(self._of_uid)

    def facet(self, uids: pa.Array) -> pa.Array:
        """Returns string[n], the label of each uid; null for none."""
        of_uid = self._of_uid
        known = pa.array(list(of_uid), pa.large_string())
        labels = pa.array([label for label, _ in of_uid.values()], pa.string())
        return labels.take(pc.index_in(uids, value_set=known))

    def _read(self) -> list[tuple[str, tuple[str, str]]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"--labels {self.path}: cannot be read: {one_line(error)}") from error
        rows = list(csv.DictReader(io.StringIO(text)))
        label_of = {number: label for label, number in _NUMBERS.items()}
        for line, row in enumerate(rows, start=2):
            if row.get("label") not in label_of or not row.get("uid"):
                raise InputError(f"--labels {self.path}: line {line} has no uid, or a label that is neither 1 nor 0")
        return [(row["uid"], (label_of[row["label"]], row.get("run") or "")) for row in rows]

    def _write(self) -> None:
        """Replaces the file by a whole one: whoever reads it meanwhile sees either."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self.path.parent, prefix=".labels-", delete=False, encoding="utf-8", newline=""
            ) as file:
                writer = csv.writer(file)
                writer.writerow(_COLUMNS)
                writer.writerows((uid, _NUMBERS[label], run) for uid, (label, run) in self._of_uid.items())
            os.replace(file.name, self.path)
        except OSError as error:
            raise InputError(f"{self.path}: the label cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Holds other explorers off a folder's labels, where its file system has locks; leaves no file of its own."""
    with contextlib.ExitStack() as closing:
        with contextlib.suppress(OSError):
            number = os.open(folder, os.O_RDONLY)
            closing.callback(os.close, number)
            fcntl.flock(number, fcntl.LOCK_EX)
        yield


def rule_figures(columns: Columns) -> dict[str, Any]:
    """Returns how the run and each of its reasons do by the labels of its pairs, in pairs.

    A rule's precision is the share of bad ones among the labelled pairs that it left out; its recall, the share of all
    pairs labelled bad that it left out. Of the whole run, what is kept takes the place of what is left out.

    Args:
        columns: of the table, with the facet LABEL.
    """
    labels, reasons = columns.facet(LABEL), columns.facet("reason")
    good, bad = (labels.codes == labels.code_of.get(label, -1) for label in (GOOD, BAD))
    counts = {
        label: np.bincount(reasons.codes[rows], minlength=len(reasons.words))
        for label, rows in ((GOOD, good), (BAD, bad))
    }
    all_bad, all_good = int(bad.sum()), int(good.sum())
    rules = []
    for code, reason in enumerate(reasons.words):
        said_good, said_bad = int(counts[GOOD][code]), int(counts[BAD][code])
        if reason is not None and said_good + said_bad:
            rules.append({"reason": reason, **_figures(said_bad, said_good, all_bad)})
    kept = _figures(int(counts[GOOD][0]), int(counts[BAD][0]), all_good)
    return {"labelled": all_good + all_bad, "kept": kept, "rules": sorted(rules, key=lambda rule: -rule["labelled"])}


def _figures(right: int, wrong: int, all_right: int) -> Mapping[str, Any]:
    return {
        "labelled": right + wrong,
        "right": right,
        "precision": right / (right + wrong) if right + wrong else None,
        "recall": right / all_right if all_right else None,
    }
