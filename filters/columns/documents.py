"""Which images show a passport, a card, a mail or a curriculum vitae, by the text that they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from babelsift.filters.columns.image_text import TextReader
from babelsift.filters.columns.maker import ERROR, as_columns, fingerprint_of
from babelsift.filters.documents import KINDS, DocumentEvidence, document_evidence
from babelsift.filters.text.personal import KINDS as PERSONAL_DATA

_FIELDS = (pa.field("", pa.string()), *(pa.field(name, pa.int64()) for name in (*KINDS, *PERSONAL_DATA)))


class Documents:
    """Finds documents of people; see `ColumnMaker`.

    It gives the kind, one of `babelsift.filters.documents.KINDS`, or null; how many signs there are of each; and how
    many data of each kind of `babelsift.filters.text.personal.KINDS` the text has.

    Args:
        column: its name, for errors.

    Raises:
        ModelError: the package that reads text is not installed.
    """

    takes_pixels = True
    fields = _FIELDS

    def __init__(self, *, column: str = "column") -> None:
        self._reader = TextReader(column)
        self.info: Mapping[str, Any] = {"kind": "documents", "version": "1", "models": self._reader.models}
        self.fingerprint = fingerprint_of(self.info)

    def load(self) -> None:
        """See `ColumnMaker`."""
        self._reader.load()

    def close(self) -> None:
        """See `ColumnMaker`."""
        self._reader.close()

    def make(self, *things: Any) -> pa.RecordBatch:
        """See `ColumnMaker`; an image that the package raises at has null and why."""
        images: Sequence[np.ndarray] = things[0]
        found: list[DocumentEvidence | None] = []
        errors: list[str | None] = []
        for image in images:
            lines, error = self._reader.texts(image)
            found.append(None if error else document_evidence([line for _, line in lines]))
            errors.append(error)
        values: dict[str, list[Any]] = {"": [one and one.kind for one in found]}
        values |= {name: [one and one.signs[name] for one in found] for name in KINDS}
        values |= {name: [one and one.personal[name] for one in found] for name in PERSONAL_DATA}
        made = as_columns(values, self.fields, len(images))
        return made.set_column(len(self.fields), ERROR, pa.array(errors, pa.string()))
