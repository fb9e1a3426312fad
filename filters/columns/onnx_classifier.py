"""Any image classifier in a file of ONNX: watermarks, styles, quality, by its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import cv2
import numpy as np
import pyarrow as pa

from babelsift.filters.columns.maker import as_columns, fingerprint_of
from babelsift.filters.columns.model_package import digest_of
from babelsift.schemas import ModelError
from babelsift.schemas.suggestions import did_you_mean

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
_AT_ONCE = 16
_DEFAULT_SIDE = 224


class OnnxClassifier:
    """An image classifier by its file; see `ColumnMaker`.

    An image is resized to the model's height and width, scaled to 0 to 1, less `mean`, by `std`.

    Args:
        file: of the model: one input, RGB of (batch, 3, height, width) or (batch, height, width, 3), float32; its
            first output is of (batch, labels).
        names: the labels in their order; none: `0`, `1` ...
        label: the value is its probability; None: as `labels` says.
        labels: "best": the most probable label and its probability as `score`; "all": a probability each.
        mean, std: three numbers each. side: px, where the model leaves it open.
        activation: what makes probabilities of the output: softmax, sigmoid, or none.
        column: its name, for errors.

    Raises:
        ModelError: the file is missing, or a setting does not fit.
    """

    takes_pixels = True

    def __init__(
        self,
        file: str,
        *,
        names: Sequence[str] = (),
        label: str | None = None,
        labels: Literal["best", "all"] = "best",
        mean: Sequence[float] = _MEAN,
        std: Sequence[float] = _STD,
        side: int = _DEFAULT_SIDE,
        activation: Literal["softmax", "sigmoid", "none"] = "softmax",
        column: str = "column",
    ) -> None:
        if label is not None and label not in names:
            hint = did_you_mean(label, names, otherwise=f"`options: {{names: ...}}` has {', '.join(names) or 'none'}")
            raise ModelError(f"column {column!r}: {file} has no label {label!r}; {hint}")
        if labels == "all" and label is None and not names:
            raise ModelError(f"column {column!r}: labels: all needs their names; give `options: {{names: [...]}}`")
        if activation not in ("softmax", "sigmoid", "none") or len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ModelError(
                f"column {column!r}: activation is softmax, sigmoid or none, and mean and std have three numbers each"
            )
        self._file, self._names, self._label, self._kind = file, tuple(names), label, labels
        self._mean, self._std = np.array(mean, np.float32), np.array(std, np.float32)
        self._side, self._activation, self._column = int(side), activation, column
        if label is None and labels == "best":
            self.fields = (pa.field("", pa.string()), pa.field("score", pa.float32()))
        else:
            self.fields = tuple(pa.field(name, pa.float32()) for name in ([""] if label else names))
        self.info: Mapping[str, Any] = {
            "kind": "onnx",
            "version": "1",
            "model_digest": digest_of(file, column=column),
            "names": list(names),
            "label": label,
            "labels": None if label else labels,
            "mean": [float(value) for value in mean],
            "std": [float(value) for value in std],
            "side": self._side,
            "activation": activation,
        }
        self.fingerprint = fingerprint_of(self.info)
        self._session: Any = None

    def load(self) -> None:
        """See `ColumnMaker`."""
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                f"column {self._column!r}: needs onnxruntime; pip install 'babelsift[ocr]', on workers too"
            ) from error
        try:
            self._session = onnxruntime.InferenceSession(self._file, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(f"column {self._column!r}: {self._file} is no ONNX model: {error}"[:400]) from error
        shape = self._session.get_inputs()[0].shape
        if len(shape) != 4 or 3 not in (shape[1], shape[3]):
            raise ModelError(f"column {self._column!r}: {self._file} takes {shape}, not images of three channels")

    def close(self) -> None:
        """See `ColumnMaker`."""
        self._session = None

    def make(self, *things: Any) -> pa.RecordBatch:
        """See `ColumnMaker`."""
        images: Sequence[np.ndarray] = things[0]
        probabilities = self._probabilities(images)
        if self.fields[-1].name == "score":
            best = probabilities.argmax(axis=1)
            names = [self._names[place] if self._names else str(place) for place in best]
            values: dict[str, Any] = {"": names, "score": probabilities[np.arange(len(best)), best]}
        elif self._label is not None:
            values = {"": probabilities[:, self._names.index(self._label)]}
        else:
            values = {name: probabilities[:, place] for place, name in enumerate(self._names)}
        return as_columns(values, self.fields, len(images))

    def _probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        taken = self._session.get_inputs()[0]
        batch, *_ = taken.shape
        at_once = batch if isinstance(batch, int) else _AT_ONCE
        channels_first = taken.shape[1] == 3
        sides = taken.shape[2:] if channels_first else taken.shape[1:3]
        height, width = (side if isinstance(side, int) else self._side for side in sides)
        outputs = [np.empty((0, max(1, len(self._names))), np.float32)]
        for start in range(0, len(images), at_once):
            pixels = np.stack([self._prepared(image, height, width) for image in images[start : start + at_once]])
            missing = at_once - len(pixels) if isinstance(batch, int) else 0
            pixels = np.pad(pixels, ((0, missing), (0, 0), (0, 0), (0, 0)))
            pixels = pixels.transpose(0, 3, 1, 2) if channels_first else pixels
            output = self._session.run(None, {taken.name: np.ascontiguousarray(pixels)})[0]
            output = np.asarray(output, np.float32).reshape(len(pixels), -1)[: len(pixels) - missing]
            if self._names and output.shape[1] != len(self._names):
                raise ModelError(
                    f"column {self._column!r}: {self._file} has {output.shape[1]} labels, `names` {len(self._names)}"
                )
            outputs.append(output)
        return _activated(np.concatenate(outputs[1:] or outputs), self._activation)

    def _prepared(self, image: np.ndarray, height: int, width: int) -> np.ndarray:
        resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        return (resized.astype(np.float32) / 255 - self._mean) / self._std


def _activated(output: np.ndarray, activation: str) -> np.ndarray:
    if activation == "softmax":
        raised = np.exp(output - output.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)
    return 1 / (1 + np.exp(-output)) if activation == "sigmoid" else output
