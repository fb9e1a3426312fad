"""Any image classifier in a file of ONNX: watermarks, styles, quality, by its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import pyarrow as pa

from babelsift.filters.columns.maker import ERROR, as_columns, fingerprint_of
from babelsift.filters.model_package import digest_of
from babelsift.schemas import ModelError, one_line
from babelsift.schemas.suggestions import did_you_mean

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
_AT_ONCE = 16  # images of a pass, where the model leaves it open
_DEFAULT_SIDE = 224
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


class OnnxClassifier:
    """An image classifier by its file; see `ColumnMaker`.

    An image is resized to the model's height and width, scaled to 0 to 1, less `mean`, by `std`; a model of uint8 gets
    the levels as they are. Passes have one size, so that an image's value does not depend on the images beside it.

    Args:
        file: of the model: one input, RGB of (batch, 3, height, width) or (batch, height, width, 3), of float32,
            float16 or uint8.
        names: the labels in their order; none: `0`, `1` ...
        label: the value is its probability; None: as `labels` says.
        labels: "best": the most probable label and its probability as `score`; "all": a probability each. A model of
            one label gives its number.
        mean, std: three numbers each. side: px, where the model leaves it open.
        activation: what makes probabilities of the output: softmax, sigmoid, or none. None: softmax of several labels.
        output: name of the output that is of (batch, labels); None: the first of floats.
        column: its name, for errors.

    Raises:
        ModelError: the file is missing or no such model, or a setting does not fit.
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
        activation: Literal["softmax", "sigmoid", "none"] | None = None,
        output: str | None = None,
        column: str = "column",
    ) -> None:
        self._where, self._file = f"column {column!r}: {file}", file
        if label is not None and label not in names:
            hint = did_you_mean(label, names, otherwise=f"`options: {{names: ...}}` has {', '.join(names) or 'none'}")
            raise ModelError(f"{self._where} has no label {label!r}; {hint}")
        if activation not in (None, "softmax", "sigmoid", "none") or len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ModelError(
                f"column {column!r}: activation is softmax, sigmoid or none, and mean and std have three numbers each"
            )
        self._names, self._label, self._column = tuple(names), label, column
        self._mean, self._std = np.array(mean, np.float32), np.array(std, np.float32)
        self._side, self._wanted_output = int(side), output
        self.info: Mapping[str, Any] = {
            "kind": "onnx",
            "version": "2",
            "model_digest": digest_of(file, needed_by=f"column {column!r}"),
            "names": list(names),
            "label": label,
            "labels": None if label else labels,
            "mean": [float(value) for value in mean],
            "std": [float(value) for value in std],
            "side": self._side,
            "activation": activation,
            "output": output,
        }
        self.fingerprint = fingerprint_of(self.info)
        self._session: Any = None
        self.load()
        count = self._count_of_labels()
        self._activation = activation or ("softmax" if count > 1 else "none")
        if labels == "all" and label is None and not names:
            raise ModelError(f"column {column!r}: labels: all needs their names; give `options: {{names: [...]}}`")
        self._is_best = label is None and labels == "best" and count > 1
        if self._is_best:
            self.fields = (pa.field("", pa.string()), pa.field("score", pa.float32()))
        else:
            self.fields = tuple(
                pa.field(name, pa.float32()) for name in (names if labels == "all" and count > 1 else [""])
            )

    def load(self) -> None:
        """See `ColumnMaker`."""
        if self._session is not None:
            return
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                f"column {self._column!r}: needs onnxruntime; pip install 'babelsift[ocr]', on workers too"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # its errors are raised, too
        try:
            session = onnxruntime.InferenceSession(self._file, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(f"{self._where} is no ONNX model: {one_line(error, 300)}") from error
        self._input = image_input(session.get_inputs(), self._side, where=self._where)
        self._output = _output_named(session.get_outputs(), self._wanted_output, where=self._where)
        self._session = session

    def close(self) -> None:
        """See `ColumnMaker`."""
        self._session = None

    def make(self, *things: Any) -> pa.RecordBatch:
        """See `ColumnMaker`; an image of which the model gives no number has null and why."""
        images: Sequence[np.ndarray] = things[0]
        probabilities = self._probabilities(images)
        is_good = np.isfinite(probabilities).all(axis=1)
        probabilities[~is_good] = np.nan
        if self._is_best:
            best = np.where(is_good, probabilities.argmax(axis=1), 0)
            names = [self._names[place] if self._names else str(place) for place in best]
            known = [name if good else None for name, good in zip(names, is_good, strict=True)]
            values: dict[str, Any] = {"": known, "score": probabilities[np.arange(len(best)), best]}
        elif len(self.fields) == 1 and self.fields[0].name == "":
            values = {"": probabilities[:, self._names.index(self._label) if self._label is not None else 0]}
        else:
            values = {name: probabilities[:, place] for place, name in enumerate(self._names)}
        made = as_columns(values, self.fields, len(images))
        errors = pa.array([None if good else "the model gives no number" for good in is_good], pa.string())
        return made.set_column(len(self.fields), ERROR, errors)

    def _count_of_labels(self) -> int:
        """How many the model has, by a grey image.

        Raises:
            ModelError: it does not run, gives something else, or has others than are named.
        """
        count = self._outputs([np.full((32, 32, 3), 128, np.uint8)]).shape[1]
        if self._names and count != len(self._names):
            raise ModelError(f"{self._where} has {count} labels, `names` {len(self._names)}")
        return int(count)

    def _probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        at_once = self._input.batch
        parts = [self._outputs(images[start : start + at_once]) for start in range(0, len(images), at_once)]
        outputs = np.concatenate(parts) if parts else np.empty((0, max(1, len(self._names))), np.float32)
        return _activated(outputs, self._activation)

    def _outputs(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """float32[images, labels] of one pass, which is filled up with the first image."""
        pixels = [self._prepared(image) for image in images]
        pixels += pixels[:1] * (self._input.batch - len(pixels))
        batch = np.stack(pixels)
        batch = batch.transpose(0, 3, 1, 2) if self._input.is_channels_first else batch
        try:
            [output] = self._session.run([self._output], {self._input.name: np.ascontiguousarray(batch)})
        except Exception as error:  # see `load`
            raise ModelError(f"{self._where} fails over {list(batch.shape)}: {one_line(error, 300)}") from error
        if len(output) != len(batch):
            raise ModelError(
                f"{self._where}: its output {self._output!r} is {list(np.shape(output))} for {len(batch)} images; name "
                "the one of (batch, labels): `options: {output: ...}`"
            )
        return np.asarray(output, np.float32).reshape(len(batch), -1)[: len(images)]

    def _prepared(self, image: np.ndarray) -> np.ndarray:
        size = self._input.width, self._input.height
        resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        if self._input.dtype == np.uint8:
            return resized
        with np.errstate(over="ignore"):
            return ((resized.astype(np.float32) / 255 - self._mean) / self._std).astype(self._input.dtype)


@dataclass(frozen=True)
class ImageInput:
    """A model's input.

    Attributes:
        name, dtype: its own.
        batch: images of a pass. height, width: px.
        is_channels_first: (3, height, width), else (height, width, 3).
    """

    name: str
    dtype: Any
    batch: int
    height: int
    width: int
    is_channels_first: bool


def image_input(inputs: Sequence[Any], side: int, *, where: str) -> ImageInput:
    """Returns the one input of a model of images.

    Args:
        inputs: as onnxruntime has them. side: px, of sides that the model leaves open.
        where: the beginning of errors.

    Raises:
        ModelError: there are others, or it is not of images of three channels.
    """
    first, *others = inputs
    dtype = _DTYPES.get(first.type)
    shape = list(first.shape)
    if others or dtype is None or len(shape) != 4 or not _may_be_colours(shape):
        taken = ", ".join(f"{each.name}: {each.type}{list(each.shape)}" for each in inputs)
        raise ModelError(
            f"{where} takes {taken}; not images of three channels alone, of float32, float16 or uint8: export it so"
        )
    is_first = shape[1] == 3 or (not isinstance(shape[1], int) and shape[3] != 3)
    sides = shape[2:] if is_first else shape[1:3]
    height, width = (length if isinstance(length, int) else side for length in sides)
    return ImageInput(first.name, dtype, shape[0] if isinstance(shape[0], int) else _AT_ONCE, height, width, is_first)


def _may_be_colours(shape: Sequence[int | str | None]) -> bool:
    return 3 in (shape[1], shape[3]) or not isinstance(shape[1], int)


def _output_named(outputs: Sequence[Any], name: str | None, *, where: str) -> str:
    known = [output.name for output in outputs]
    if name is not None and name not in known:
        hint = did_you_mean(name, known, otherwise=f"it has {', '.join(known)}")
        raise ModelError(f"{where} has no output {name!r}; {hint}")
    floats = [output.name for output in outputs if "float" in output.type or "double" in output.type]
    return name or str((floats or known)[0])


@np.errstate(over="ignore", invalid="ignore")  # of an image; `make` says so
def _activated(output: np.ndarray, activation: str) -> np.ndarray:
    if activation == "softmax":
        raised = np.exp(output - output.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)
    return 1 / (1 + np.exp(-output)) if activation == "sigmoid" else output
