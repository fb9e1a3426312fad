"""Any fastText classifier as a column: toxic or not, domain, quality, by the labels that it was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.columns.maker import ERROR, TYPES, fingerprint_of
from babelsift.filters.model_package import digest_of
from babelsift.schemas import ModelError
from babelsift.schemas.suggestions import did_you_mean

_PREFIX = "__label__"
_ALL = 100_000  # more labels than any model has
_ANY = -1.0  # the least probability: from 0 on fastText passes over labels below 1e-5
_NOTHING = ((None, None),)


class FastTextClassifier:
    """A fastText model that tells texts apart; see `ColumnMaker`.

    Args:
        file: path of the model, `.bin` or `.ftz`.
        label: the value is its probability; None: as `labels` says.
        labels: "best": the most probable label as a string, and its probability as `score`; "all": a probability each.
        column: its name, for errors.

    Raises:
        ModelError: the file is missing, is no fastText model, or has no such label.

    Source:
        Joulin et al. 2016; as HPLT 3.0 and ChineseWebText 2.0 use it.
    """

    takes_pixels = False

    def __init__(
        self, file: str, *, label: str | None = None, labels: Literal["best", "all"] = "best", column: str = "column"
    ) -> None:
        # It imports numba, which the process of a user's function, too, would wait for at its start.
        from babelsift.filters.language.model_file import open_native

        self._native: Any = open_native(file, setting=f"column {column!r}: model")
        known = sorted(name.removeprefix(_PREFIX) for _, name in self._native.predict("\n", _ALL, _ANY, "strict"))
        if label is not None and label not in known:
            hint = did_you_mean(label, known, otherwise=f"there are {', '.join(known[:20])}")
            raise ModelError(f"column {column!r}: {file} has no label {label!r}; {hint}")
        self._label, self._kind, self._known = label, labels, known
        if label is None and labels == "best":
            self.fields = (pa.field("", TYPES["string"]), pa.field("score", TYPES["float"]))
        else:
            self.fields = tuple(pa.field(name, TYPES["float"]) for name in ([""] if label else known))
        self.info: Mapping[str, Any] = {
            "kind": "fasttext",
            "model_digest": digest_of(file, needed_by=f"column {column!r}"),
            "label": label,
            "labels": None if label else labels,
        }
        self.fingerprint = fingerprint_of(self.info)

    def load(self) -> None:
        """The model is loaded already: its labels are nowhere else."""

    def close(self) -> None:
        """The model goes with this object."""

    def make(self, *things: Any) -> pa.RecordBatch:
        """See `ColumnMaker`; new lines in a text count as spaces, as a fastText text has none."""
        texts = pc.replace_substring(things[0], "\n", " ").to_pylist()
        columns = self._best(texts) if self._kind == "best" and self._label is None else self._probabilities(texts)
        schema = pa.schema([*self.fields, pa.field(ERROR, pa.string())])
        return pa.RecordBatch.from_arrays([*columns, pa.nulls(len(texts), pa.string())], schema=schema)

    def _best(self, texts: list[str]) -> list[pa.Array]:
        predict = self._native.predict
        # Where no word of a text is known, fastText says nothing of it.
        best = [(predict(text + "\n", 1, 0.0, "strict") or _NOTHING)[0] for text in texts]
        names = pa.array([name for _, name in best], TYPES["string"])
        scores = pa.array([score for score, _ in best], TYPES["float"])
        return [pc.replace_substring(names, _PREFIX, "", max_replacements=1), scores]

    def _probabilities(self, texts: list[str]) -> list[pa.Array]:
        predict = self._native.predict
        wanted = [self._label] if self._label is not None else self._known
        row_of = {f"{_PREFIX}{name}": row for row, name in enumerate(wanted)}
        row_of |= {name: row for row, name in enumerate(wanted)}  # labels that were trained without the usual prefix
        values = np.full((len(wanted), len(texts)), np.nan, np.float32)
        for column, text in enumerate(texts):
            for score, name in predict(text + "\n", _ALL, _ANY, "strict"):
                if (row := row_of.get(name)) is not None:
                    values[row, column] = score
        return [pa.array(row, from_pandas=True) for row in values]
