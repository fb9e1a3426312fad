"""What heads read of a pair's stored embeddings: the image's, the text's, their product, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from babelsift.schemas.recipe.groups.heads import Vectors

# Which stored embeddings each is made of, in order; kinds are of EMBEDDINGS.
KINDS_OF_VECTORS: Mapping[Vectors, tuple[str, ...]] = {
    "image": ("img_emb",),
    "text": ("text_emb",),
    "product": ("img_emb", "text_emb"),
    "both": ("img_emb", "text_emb"),
}


def head_vectors(vectors: Vectors, parts: Sequence[np.ndarray]) -> np.ndarray:
    """Returns what a head reads: float32[n, dimension]; of both float32[n, 2 * dimension].

    Args:
        vectors: which.
        parts: float[n, dimension] each, as KINDS_OF_VECTORS names them.

    >>> head_vectors("product", [np.ones((1, 2)), np.full((1, 2), 0.5)]).tolist()
    [[0.5, 0.5]]
    """
    first, *others = (part.astype(np.float32) for part in parts)
    if vectors == "product":
        return np.asarray(first * others[0], np.float32)
    return np.concatenate([first, *others], axis=1)
