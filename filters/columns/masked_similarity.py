"""How well a caption fits an image once the text that the image shows is painted over: T-MARS' measure of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from babelsift.filters.clip import ClipScorer
from babelsift.filters.columns.image_text import TextReader
from babelsift.filters.columns.maker import ERROR, fingerprint_of

_RING_SHARE = 0.25  # of the height of a line: how far around it the colour is taken from
_LEAST_RING_PX = 2
_PNG_FAST = (cv2.IMWRITE_PNG_COMPRESSION, 1)


class MaskedSimilarity:
    """The CLIP similarity of captions with images whose text is painted over; see `ColumnMaker`.

    Lines of text are those that `ImageText` can read, and take the mean colour of what is around them. What only looks
    like text to a detector, a ring or a fence, stays.
    Where there is no text it is the plain similarity, of the staged image in fp32.

    Args:
        model: a CLIP model, as `clip.model` names one. pretrained: its weights.
        device: None: all GPUs where there are any, else the CPU.
        batch_size: pairs in a pass through the model.
        column: its name, for errors.

    Raises:
        ModelError: the package or the model is not there.

    Source:
        T-MARS (Maini et al. 2023), text masking and re-scoring; there lines are found by FAST.
    """

    takes_pixels = True

    def __init__(
        self,
        model: str,
        pretrained: str | None = None,
        *,
        device: str | None = None,
        batch_size: int = 256,
        column: str = "column",
    ) -> None:
        self.fields = (pa.field("", pa.float32()),)
        self._reader = TextReader(column)
        self._named = model, pretrained
        self._how: Mapping[str, Any] = {"device": device, "batch_size": batch_size, "precision": "fp32"}
        self._scorer: ClipScorer | None = self._loaded()
        self.info: Mapping[str, Any] = {
            "kind": "masked_similarity",
            "version": "1",
            "reader": self._reader.models,
            "clip": dict(self._scorer.info),
            "clip_fingerprint": self._scorer.fingerprint,
        }
        self.fingerprint = fingerprint_of(self.info)

    def load(self) -> None:
        """See `ColumnMaker`."""
        self._reader.load()
        self._scorer = self._scorer or self._loaded()

    def close(self) -> None:
        """See `ColumnMaker`."""
        self._reader.close()
        self._scorer = None

    def make(self, *things: Any) -> pa.RecordBatch:
        """See `ColumnMaker`; a pair that the package or the model raises at has null and why."""
        assert self._scorer is not None
        images: Sequence[np.ndarray] = things[0]
        masked, errors = [], []
        for image in images:
            lines, error = self._reader.texts(image)
            masked.append(None if error else _as_png(without_regions(image, [corners for corners, _ in lines])))
            errors.append(error)
        scored = self._scorer.score(masked, things[1].to_pylist()).to_pylist()
        values = [row["similarity"] for row in scored]
        said = [error or row["error"] for error, row in zip(errors, scored, strict=True)]
        schema = pa.schema([*self.fields, pa.field(ERROR, pa.string())])
        return pa.RecordBatch.from_arrays([pa.array(values, pa.float32()), pa.array(said, pa.string())], schema=schema)

    def _loaded(self) -> ClipScorer:
        return ClipScorer(*self._named, **self._how)


def without_regions(image: np.ndarray, regions: Sequence[np.ndarray]) -> np.ndarray:
    """Returns an image with regions painted over, each in the mean colour of what is around it and in no region.

    Args:
        image: uint8[height, width, 3].
        regions: float[corners, 2] each, x and y in px.

    >>> image = np.full((9, 9, 3), 200, np.uint8)
    >>> image[3:6, 3:6] = 0
    >>> int(without_regions(image, [np.array([[3, 3], [5, 3], [5, 5], [3, 5]])]).min())
    200
    """
    polygons = [np.rint(np.asarray(region)).astype(np.int32) for region in regions]
    covered = np.zeros(image.shape[:2], np.uint8)
    for polygon in polygons:  # one at a time: where polygons of one call overlap, OpenCV leaves a hole
        cv2.fillPoly(covered, [polygon], 1)
    painted = image.copy()
    for polygon in polygons:
        own = np.zeros_like(covered)
        cv2.fillPoly(own, [polygon], 1)
        height = min(cv2.minAreaRect(polygon)[1])
        reach = max(_LEAST_RING_PX, round(_RING_SHARE * height))
        around = cv2.dilate(own, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > covered
        around = around if around.any() else covered == 0
        colour = image[around].mean(axis=0) if around.any() else image.reshape(-1, 3).mean(axis=0)
        painted[own == 1] = np.rint(colour).astype(np.uint8)
    return painted


def _as_png(image: np.ndarray) -> bytes:
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _PNG_FAST)
    return bytes(encoded.tobytes())
