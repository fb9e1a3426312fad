"""Faces, and boxes that the input names, blurred in an image before it is stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from babelsift.filters.faces import FaceBox, FaceDetector, in_middle
from babelsift.filters.image.blur import Box, blur_boxes, blur_faces
from babelsift.filters.image.failure import ImageFailureError
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import FaceSettings


@dataclass(frozen=True)
class FacesFound:
    """The faces of an image that is stored; null where none were looked for.

    Attributes:
        face_count: how many.
        face_boxes: JSON of [left, top, right, bottom] each, in fractions of the sides, the likeliest first.
    """

    face_count: int | None = None
    face_boxes: str | None = None


class HidePeople:
    """Blurs an image's boxes and faces when it is called with the image, resized and not yet cropped or padded.

    Args:
        boxes: that the input names.
        settings: what becomes of faces; None: none are looked for.
    """

    def __init__(self, boxes: Sequence[Box], settings: FaceSettings | None) -> None:
        self._boxes, self._settings = boxes, settings
        self._whole, self._faces = (0, 0), list[FaceBox]()

    @property
    def does_anything(self) -> bool:
        """Whether it has to be called at all."""
        return bool(self._boxes) or self._settings is not None

    @property
    def has_blurred(self) -> bool:
        """Whether the image is not what it was."""
        return bool(self._boxes) or (bool(self._faces) and self._settings is not None and self._settings.do == "blur")

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Returns the image (uint8, BGR) with boxes and faces blurred."""
        height, width = image.shape[:2]
        self._whole = (width, height)
        if self._settings is not None:
            found = face_detector().find(image, min_score=self._settings.min_score)
            self._faces = [face for face in found if face.longer_side(width, height) >= self._settings.min_side_px]
            if self._settings.do == "blur":
                image = blur_faces(image, [(*face[:4],) for face in self._faces])
        return blur_boxes(image, self._boxes)

    def found_in(self, width: int, height: int) -> FacesFound:
        """Returns the faces that are in the image as it is stored.

        Args:
            width, height: of that, px: the middle of what this was called with.

        Raises:
            ImageFailureError: HAS_FACES, there are some, and such images are to be dropped.
        """
        if self._settings is None:
            return FacesFound()
        faces = in_middle(self._faces, self._whole, (width, height))
        if faces and self._settings.do == "drop":
            raise ImageFailureError(RejectReason.HAS_FACES, f"{faces[0].score:.2f}, of {len(faces)}")
        return FacesFound(len(faces), json.dumps([face.corners for face in faces]))


@cache
def face_detector() -> FaceDetector:
    """Returns the detector of this process, which is loaded when it is first asked.

    Raises:
        ModelError: its package is not installed.
    """
    return FaceDetector("download.faces")
