"""Scores beside the similarity: heads on a CLIP model's embeddings, and classifiers of the image itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_serializer, model_validator

from babelsift.schemas.recipe.groups.numbers import Count, PositiveInt
from babelsift.schemas.recipe.groups.settings import Entries, EntryList, Settings

Vectors = Literal["image", "text", "product", "both"]
_SOURCES = ("layers", "prompts", "clusters", "classifier")


class HeadLayers(Settings):
    """Linear layers in a safetensors file, as `torch.nn.Sequential` or `torch.nn.Linear` names them.

    Tensors `<n>.weight` and `<n>.bias` with any prefix, in the order of n, or `weight` and `bias` alone; `mean` and
    `std`, where they are there, normalize the embedding first. The embedding is the image's, of unit length.

    Attributes:
        file: safetensors of linear layers, `<n>.weight` and `<n>.bias`; `mean` and `std` normalise the embedding first
        activation: between layers: none, relu, gelu
        output: none, sigmoid, softmax
        output_index: which output is the score
    """

    file: Annotated[str, Field(min_length=1)]
    activation: Literal["none", "relu", "gelu"] = "none"
    output: Literal["none", "sigmoid", "softmax"] = "none"
    output_index: Count = 0


class HeadPrompts(Settings):
    """A zero-shot class: how much nearer an image is to positive texts than to negative ones; or a shipped list's name.

    Attributes:
        shipped: a list that ships, in place of the rest
        positive: texts, inline or by file
        negative: texts, inline or by file
        scale: of cosines before the softmax
        nearest: null: the positive texts' share of the softmax; n: their share of the n nearest texts
    """

    shipped: Literal["laion400m-nsfw"] | None = None
    positive: Entries = EntryList()
    negative: Entries = EntryList()
    scale: Annotated[float, Field(gt=0)] = 100.0
    nearest: PositiveInt | None = None

    @model_validator(mode="after")
    def _texts_are_given(self) -> HeadPrompts:
        nothing = EntryList()
        if self.shipped is not None:
            if (self.positive, self.negative) != (nothing, nothing):
                raise ValueError(f"the shipped list {self.shipped} brings its own texts; remove positive and negative")
        elif nothing in (self.positive, self.negative):
            raise ValueError("give positive texts and negative texts, or the name of a shipped list")
        return self


class HeadClusters(Settings):
    """Image clusters, as DataComp's image-based filter has them: 1 where an image lies in a reference set's, else 0.

    Attributes:
        centroids: float[k, dimension]; an image is of the one with the highest inner product
        reference: embeddings of images, float[n, dimension], or clusters' numbers, int[n]; the score is 1 in their
            clusters, else 0
    """

    centroids: Annotated[str, Field(min_length=1)]
    reference: Annotated[str, Field(min_length=1)]


def check_vectors(vectors: Vectors, *, of_prompts: bool, name: str) -> None:
    """Raises ValueError where texts are to be compared with what is no embedding."""
    if of_prompts and vectors in ("product", "both"):
        raise ValueError(f"{name}: prompts are compared with embeddings of images or of texts, not with {vectors}")


def shipped_prompts(value: object) -> object:
    """Returns the settings of a shipped list where a recipe gives its name alone."""
    return {"shipped": value} if isinstance(value, str) else value


class Head(Settings):
    """A score of each pair, a float32 column named as the head is; `select` may decide by it. Exactly one source.

    Attributes:
        name: of the column
        model: name of the CLIP model whose embeddings it reads; null: the first
        layers: trained layers
        prompts: zero-shot texts, or `laion400m-nsfw`
        clusters: whether it is near a reference set's images
        classifier: opennsfw: how likely an image is pornographic, 0 to 1; `pip install 'babelsift[safety]'`
        vectors: which embeddings it reads: image, text, product: both number by number, or both: the image's, then the
            text's
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
    model: str | None = None
    layers: HeadLayers | None = None
    prompts: Annotated[
        HeadPrompts | None, BeforeValidator(shipped_prompts, json_schema_input_type=str | HeadPrompts | None)
    ] = None
    clusters: HeadClusters | None = None
    classifier: Literal["opennsfw"] | None = None
    vectors: Vectors = "image"

    @model_serializer(mode="wrap")
    def _said(self, plain: Callable[[Head], dict[str, Any]]) -> dict[str, Any]:
        # It came later, and is left out where it says nothing, so that older recipes are written as they were.
        return {key: value for key, value in plain(self).items() if (key, value) != ("vectors", "image")}

    @model_validator(mode="after")
    def _one_source(self) -> Head:
        given = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"head {self.name!r} needs one of {', '.join(_SOURCES)}; it has {given or 'none'}")
        check_vectors(self.vectors, of_prompts=self.prompts is not None, name=f"head {self.name!r}")
        if self.classifier and self.vectors != "image":
            raise ValueError(f"head {self.name!r}: a classifier takes the image itself; remove vectors")
        if self.classifier and self.model:
            raise ValueError(f"head {self.name!r}: a classifier takes the image itself; remove model")
        return self

    @property
    def is_share(self) -> bool:
        """Whether its score lies between 0 and 1, whatever the image."""
        return self.layers is None or self.layers.output != "none"
