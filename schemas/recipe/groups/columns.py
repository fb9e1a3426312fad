"""Columns: what a model or a function says of a text, a URL, a row, an image, a pair or an embedding."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from babelsift.schemas.columns import is_stage_column
from babelsift.schemas.recipe.groups.heads import Head, HeadClusters, HeadLayers, HeadPrompts, Vectors, check_vectors
from babelsift.schemas.recipe.groups.heads import shipped_prompts as _shipped
from babelsift.schemas.recipe.groups.numbers import ByLanguage, PositiveInt, Ratio
from babelsift.schemas.recipe.groups.settings import Settings
from babelsift.schemas.suggestions import closest_name

Kind = Literal["float", "integer", "string", "list"]
_FUNCTION = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
_LONGEST_NAME = 60
_OF_HEADS = ("layers", "prompts", "clusters")
TEXTUAL = ("caption", "url", "row")  # what is there before the download


def column_name(text: str) -> str:
    """Returns a name that a column may have, after a text such as a file's name.

    Args:
        text: of any characters.

    >>> column_name("My-Head.v2"), column_name("2024"), column_name("url")
    ('my_head_v2', 'column_2024', 'column_url')
    """
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    if not name[:1].isalpha() or is_stage_column(name):
        name = f"column_{name}".rstrip("_")
    return name[:_LONGEST_NAME]


class Column(Settings):
    """One column or several, which `select` may decide by; `by` says what makes it, other settings are of some kinds.

    Attributes:
        name: of the column; of several `<name>_<its own>`
        of: caption, url, row, image, pair, embedding
        by: fasttext, transformers, call, layers, prompts, clusters, opennsfw, measures, qr_codes, ocr, documents,
            faces, onnx, masked_similarity, or what an installed package brings
        model: a file, a folder or a name, or one a language; of embeddings the CLIP model's name, null: the first
        label: of a classifier: the value is its probability
        labels: without `label`: best: the most probable, and `<name>_score`; all: a probability each
        heads: names of the heads of a model that has several; each gives its most probable class, and `total` is their
            sum
        layers: as `heads.layers`, with `by: layers`
        prompts: as `heads.prompts`, with `by: prompts`
        clusters: as `heads.clusters`, with `by: clusters`
        vectors: of embeddings: the image's, the text's, product: their product number by number, both: the image's,
            then the text's; a function gets both as two arguments
        call: `module:function` of your own, see [own_filters.md](own_filters.md)
        setup: `module:function`, called once a process; what it returns is the first argument of `call`
        options: keyword arguments of `setup`, or without one of `call`
        gives: of `call`: float, integer, string, list; of several columns {name: type}
        takes: of `call`: images as bytes, or as decoded pixels
        batch_size: things of a call
        timeout_s: that a call may take; one that takes longer ends the run
        device: null: a GPU where there is one
        on_error: an exception costs the row's value, which is null; stop: it ends the run
        max_failure_rate: of the latest 256 things: a run in which more have no value for an exception stops, and stores
            nothing of them; null: none does
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=_LONGEST_NAME)]
    of: Literal["caption", "url", "row", "image", "pair", "embedding"]
    by: Annotated[str, Field(pattern=r"^[A-Za-z][\w.-]*$")]
    model: ByLanguage[str] | None = None
    label: str | None = None
    labels: Literal["best", "all"] = "best"
    heads: Annotated[tuple[str, ...], Field(strict=False)] = ()
    layers: HeadLayers | None = None
    prompts: Annotated[
        HeadPrompts | None, BeforeValidator(_shipped, json_schema_input_type=str | HeadPrompts | None)
    ] = None
    clusters: HeadClusters | None = None
    vectors: Vectors = "image"
    call: Annotated[str, Field(pattern=_FUNCTION)] | None = None
    setup: Annotated[str, Field(pattern=_FUNCTION)] | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    gives: Kind | dict[str, Kind] = "float"
    takes: Literal["bytes", "pixels"] = "bytes"
    batch_size: PositiveInt = 256
    timeout_s: Annotated[float, Field(gt=0)] = 300.0
    device: str | None = None
    on_error: Literal["skip", "stop"] = "skip"
    max_failure_rate: Ratio | None = 0.98

    @model_validator(mode="after")
    def _settings_fit(self) -> Column:
        for kind in ("call", *_OF_HEADS):
            if getattr(self, kind) is not None and self.by != kind and closest_name(self.by, [kind]):
                raise ValueError(f"column {self.name!r}: no kind {self.by!r}; did you mean {kind!r}?")
        if (self.call is not None) != (self.by == "call"):
            raise ValueError(
                f"column {self.name!r}: `call: module:function` goes with `by: call`; give both or neither"
            )
        if (self.of == "embedding") != (self.by in _OF_HEADS) and self.by != "call":
            raise ValueError(
                f"column {self.name!r}: {', '.join(_OF_HEADS)} and calls are of embeddings, nothing else is"
            )
        for kind in _OF_HEADS:
            if (getattr(self, kind) is not None) != (self.by == kind):
                raise ValueError(f"column {self.name!r}: `{kind}` goes with `by: {kind}`; give both or neither")
        if self.of != "embedding" and self.vectors != "image":
            raise ValueError(f"column {self.name!r}: `vectors` goes with `of: embedding`; remove it")
        check_vectors(self.vectors, of_prompts=self.prompts is not None, name=f"column {self.name!r}")
        if self.by == "opennsfw" and self.of != "image":
            raise ValueError(f"column {self.name!r}: opennsfw looks at images; write `of: image`")
        if self.by in ("fasttext", "transformers") and self.of not in ("caption", "url"):
            raise ValueError(f"column {self.name!r}: {self.by} reads texts; write `of: caption` or `of: url`")
        if self.of == "embedding" and isinstance(self.model, Mapping):
            raise ValueError(f"column {self.name!r}: an embedding is of one CLIP model; name one")
        return self

    @property
    def head(self) -> Head | None:
        """The head of a CLIP model, or the classifier beside it, that this column is; None: it is of another kind."""
        if self.by in _OF_HEADS:
            model = None if self.model is None else str(self.model)
            return Head(name=self.name, model=model, vectors=self.vectors, **{self.by: getattr(self, self.by)})
        return Head(name=self.name, classifier="opennsfw") if self.by == "opennsfw" else None

    @property
    def is_of_text(self) -> bool:
        """Whether it is made before the download."""
        return self.of in TEXTUAL

    @property
    def models(self) -> dict[str | None, str | None]:
        """{language, or None for all languages: its model}; languages that are not named have no value."""
        if isinstance(self.model, Mapping):
            return dict[str | None, str | None](self.model.items())
        return {None: self.model}
