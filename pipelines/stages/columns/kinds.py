"""What `by` may say in a recipe's column. A new kind is a line of KINDS, or the entry point of a package.

A kind makes a `ColumnMaker` of a column's settings and of one of its models, where it has any; for plain functions
`FunctionMaker` is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from babelsift.filters.columns import ColumnMaker, FastTextClassifier, SequenceClassifier
from babelsift.filters.columns.documents import Documents
from babelsift.filters.columns.faces import Faces
from babelsift.filters.columns.image_measures import pixel_measures, qr_codes
from babelsift.filters.columns.image_text import ImageText
from babelsift.filters.columns.masked_similarity import MaskedSimilarity
from babelsift.filters.columns.onnx_classifier import OnnxClassifier
from babelsift.pipelines.stages.columns.calls.call_maker import CallMaker
from babelsift.schemas import RecipeError
from babelsift.schemas.recipe import Column
from babelsift.schemas.suggestions import did_you_mean

ENTRY_POINTS = "babelsift.columns"
_ANY = ("caption", "url", "row", "image", "pair", "embedding")


@dataclass(frozen=True)
class Kind:
    """A way to make columns.

    Attributes:
        make: (column, model or None) -> its maker; raises ModelError.
        of: what it can say something of.
        needs_model: whether a column has to name a model.
        is_local: whether its makers read nothing but what is installed.
    """

    make: Callable[[Column, str | None], ColumnMaker]
    of: tuple[str, ...]
    needs_model: bool = False
    is_local: bool = False


def _fasttext(column: Column, model: str | None) -> ColumnMaker:
    return FastTextClassifier(str(model), label=column.label, labels=column.labels, column=column.name)


def _transformers(column: Column, model: str | None) -> ColumnMaker:
    return SequenceClassifier(
        str(model),
        label=column.label,
        labels=column.labels,
        heads=column.heads,
        batch_size=column.batch_size,
        device=column.device,
        column=column.name,
    )


def _call(column: Column, model: str | None) -> ColumnMaker:
    return CallMaker(column)


def _onnx(column: Column, model: str | None) -> ColumnMaker:
    options = _options(column, "names", "mean", "std", "side", "activation", "output")
    return OnnxClassifier(str(model), label=column.label, labels=column.labels, column=column.name, **options)


def _faces(column: Column, model: str | None) -> ColumnMaker:
    return Faces(column=column.name, **_options(column, "min_score"))


def _options(column: Column, *known: str) -> dict[str, Any]:
    """Returns a column's options; raises RecipeError for those that its kind does not know."""
    for name in column.options:
        if name not in known:
            hint = did_you_mean(name, known, otherwise=f"it has {', '.join(known)}")
            raise RecipeError(f"columns: {column.name!r}: {column.by} has no option {name!r}; {hint}")
    return column.options


def _masked_similarity(column: Column, model: str | None) -> ColumnMaker:
    options = _options(column, "pretrained")
    return MaskedSimilarity(
        str(model), device=column.device, batch_size=column.batch_size, column=column.name, **options
    )


KINDS: Mapping[str, Kind] = {
    "call": Kind(_call, _ANY, is_local=True),
    "documents": Kind(lambda column, model: Documents(column=column.name), ("image",), is_local=True),
    "faces": Kind(_faces, ("image",), is_local=True),
    "fasttext": Kind(_fasttext, ("caption", "url"), needs_model=True),
    "masked_similarity": Kind(_masked_similarity, ("pair",), needs_model=True),
    "measures": Kind(lambda column, model: pixel_measures(), ("image",), is_local=True),
    "ocr": Kind(lambda column, model: ImageText(of=column.of, column=column.name), ("image", "pair"), is_local=True),
    "onnx": Kind(_onnx, ("image",), needs_model=True),
    "qr_codes": Kind(lambda column, model: qr_codes(), ("image",), is_local=True),
    "transformers": Kind(_transformers, ("caption", "url"), needs_model=True),
}


def kind_of(column: Column) -> Kind:
    """Returns the kind that a column is of: one of KINDS, or what an installed package brings by that name.

    Raises:
        RecipeError: there is none, it says nothing of such things, or it needs a model; names the closest.
    """
    kind = KINDS.get(column.by)
    if kind is None:
        brought = _brought_names()
        if column.by not in brought:
            names = [*KINDS, "layers", "prompts", "clusters", "opennsfw", *brought]
            hint = did_you_mean(column.by, names, otherwise=f"there are {', '.join(names)}")
            raise RecipeError(f"columns: {column.name!r}: nothing is called {column.by!r}; {hint}")
        value, *others = sorted(brought[column.by])
        if others:
            all_of_them = ", ".join([value, *others])
            raise RecipeError(
                f"columns: {column.name!r}: several installed packages bring {column.by!r}: {all_of_them}; say which: "
                f"`by: call, call: {value}`"
            )
        kind = Kind(lambda column, model: CallMaker(column, value), _ANY, is_local=True)
    if column.of not in kind.of:
        raise RecipeError(f"columns: {column.name!r}: {column.by} is of {', '.join(kind.of)}, not of {column.of}")
    if kind.needs_model and None in column.models.values():
        raise RecipeError(f"columns: {column.name!r}: {column.by} needs a model; name one: `model: ...`")
    return kind


def _brought_names() -> dict[str, set[str]]:
    """Returns {name: the functions that installed packages bring by it}."""
    brought: dict[str, set[str]] = {}
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        brought.setdefault(entry.name, set()).add(entry.value)
    return brought
