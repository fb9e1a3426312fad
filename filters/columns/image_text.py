"""The text that an image shows, by an OCR package that ships its models, and how much of a caption it repeats."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from babelsift.filters.columns.maker import ERROR, as_columns, fingerprint_of
from babelsift.filters.model_package import installed_file

_PACKAGE, _DISTRIBUTION = "rapidocr_onnxruntime", "rapidocr-onnxruntime"
_REMEDY = "pip install 'babelsift[ocr]', then pip install --no-deps rapidocr-onnxruntime"
_MODELS = ("models/ch_PP-OCRv4_det_infer.onnx", "models/ch_PP-OCRv4_rec_infer.onnx")
_SIDE = 256  # px, of the shorter side when text is looked for
_WORD = re.compile(r"\w+")
_LETTERS = 3  # from which on a word is looked for within others
_SHOWN_CHARACTERS = 10_000


class TextReader:
    """Finds and reads the lines of text in an image.

    Args:
        column: its name, for errors.

    Attributes:
        models: which package and files it runs on: what finds lines, what reads them.

    Raises:
        ModelError: the package is not installed.
    """

    def __init__(self, column: str = "column") -> None:
        self.models = [
            installed_file(_PACKAGE, _DISTRIBUTION, file, needed_by=f"column {column!r}", remedy=_REMEDY)[1]
            for file in _MODELS
        ]
        self._read: Any = None

    def load(self) -> None:
        """Loads the models."""
        from rapidocr_onnxruntime import RapidOCR

        self._read = RapidOCR(det_limit_side_len=_SIDE, det_limit_type="min", intra_op_num_threads=1)

    def close(self) -> None:
        """Lets go of the models."""
        self._read = None

    def texts(self, image: np.ndarray) -> tuple[list[tuple[np.ndarray, str]], str | None]:
        """Returns the lines that can be read, in reading order, and why there are none where the package raises.

        Args:
            image: uint8[height, width, 3], RGB.

        Returns:
            (float[4, 2] and text of each: its corners, x and y in px; null or the error).
        """
        try:
            found, _ = self._read(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), use_cls=False)
        except (cv2.error, ValueError, RuntimeError, IndexError) as error:
            return [], f"{type(error).__name__}: {error}"[:200]
        return [(np.array(corners), line) for corners, line, _ in found or ()], None


class ImageText:
    """Reads the text of images, and of pairs says how many of the caption's words are in it; see `ColumnMaker`.

    It gives the text, lines in reading order with a new line between them, and `area`, the share of the image that
    lines of text cover; of pairs `overlap` too, 0 to 1, null where the caption has no word.

    Args:
        of: image or pair.
        column: its name, for errors.

    Raises:
        ModelError: the package is not installed.

    Source:
        RapidOCR (Apache-2.0), PP-OCRv4's models for Latin and Chinese script.
    """

    takes_pixels = True

    def __init__(self, *, of: str = "image", column: str = "column") -> None:
        self.fields = (pa.field("", pa.string()), pa.field("area", pa.float32()))
        self.fields += (pa.field("overlap", pa.float32()),) if of == "pair" else ()
        self._reader = TextReader(column)
        models = self._reader.models
        self.info: Mapping[str, Any] = {"kind": "ocr", "version": "1", "models": models, "side": _SIDE, "of": of}
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
        found: list[tuple[str, float] | None] = []
        errors: list[str | None] = []
        for image in images:
            lines, error = self._reader.texts(image)
            found.append(None if error else _text_and_area(image, lines))
            errors.append(error)
        values: dict[str, list[Any]] = {
            "": [None if one is None else one[0] for one in found],
            "area": [None if one is None else one[1] for one in found],
        }
        if len(self.fields) > 2:
            pairs = zip(found, things[1].to_pylist(), strict=True)
            values["overlap"] = [None if one is None else caption_overlap(caption, one[0]) for one, caption in pairs]
        made = as_columns(values, self.fields, len(images))
        return made.set_column(len(self.fields), ERROR, pa.array(errors, pa.string()))


def _text_and_area(image: np.ndarray, lines: Sequence[tuple[np.ndarray, str]]) -> tuple[str, float]:
    covered = np.zeros(image.shape[:2], np.uint8)
    for corners, _ in lines:
        cv2.fillPoly(covered, [np.rint(corners).astype(np.int32)], 1)
    text = "\n".join(line for _, line in lines)
    return text[:_SHOWN_CHARACTERS], round(float(covered.mean()), 5)


def caption_overlap(caption: str, text: str) -> float | None:
    """Returns the share of a caption's words, by their letters, that a text has too; None: the caption has no word.

    Case makes no difference, and neither do spaces for words of three letters and more: readers leave them out.

    >>> caption_overlap("Summer SALE in a big shop", "SUMMER SALE\\n50 % off")
    0.5
    """
    words, shown = (_WORD.findall(one.casefold()) for one in (caption, text))
    together, apart = "".join(shown), set(shown)
    found = [word for word in words if word in apart or (len(word) >= _LETTERS and word in together)]
    return sum(map(len, found)) / sum(map(len, words)) if words else None
