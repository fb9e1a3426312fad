"""Pure functions over Arrow arrays, and the small models they use; nothing here imports Beam.

A room for each subject; import from the room, which names what it gives:

- `text`, `urls`, `language`: rules on captions and URLs, and the language of a caption.
- `image`: what bytes are, decoding, hashing, and rules on sizes.
- `faces`, `documents`: faces in images, and documents of people. `hash_lists`: images that nobody may have.
- `clip`: similarity of images and captions, heads, an NSFW classifier; needs `babelsift[clip]`.
- `opt_outs`: what sites and image files say against training on them. `provenance`: licences, how an image was made.
- `columns`: what makes columns: classifiers, measures, text in images, faces. `measures`: what rules measure.
- `concepts`: MetaCLIP's matching and balancing. `counting`: n-grams and distinct members in bounded memory.
- `dedup`: exact, near and semantic duplicates.
- `rules`, `selection`: apply a recipe's rules to batches.
- `strings`: what rules on strings share.

A room is imported when it is first asked for.

>>> from babelsift import filters
>>> import pyarrow as pa
>>> filters.text.has_min_words(pa.array(["a dog", "a dog on a sofa"]), minimum=3).to_pylist()
[False, True]
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babelsift.filters import (
        clip,
        columns,
        concepts,
        counting,
        dedup,
        documents,
        faces,
        hash_lists,
        image,
        language,
        measures,
        opt_outs,
        provenance,
        rules,
        selection,
        strings,
        text,
        urls,
    )

__all__ = [
    "clip",
    "columns",
    "concepts",
    "counting",
    "dedup",
    "documents",
    "faces",
    "hash_lists",
    "image",
    "language",
    "measures",
    "opt_outs",
    "provenance",
    "rules",
    "selection",
    "strings",
    "text",
    "urls",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
