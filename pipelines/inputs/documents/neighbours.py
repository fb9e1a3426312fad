"""The texts around each image of a document, the nearest first: an index in them is a distance."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# So many texts on each side are candidates.
_TEXTS_A_SIDE = 3
_MAX_TEXT_CHARACTERS = 4000


@dataclass(frozen=True)
class DocumentImage:
    """An image of a document.

    Attributes:
        url: its address; None: the document gives none that is text.
        matched: the text that the document's makers matched it with; None: none.
        before: the texts before it, the nearest first.
        after: the texts behind it, the nearest first.
        number: which of its document's images it is, from 0.
    """

    url: str | None
    matched: str | None
    before: list[str]
    after: list[str]
    number: int


def interleaved_images(images: list[Any], texts: list[Any]) -> Iterator[DocumentImage]:
    """Yields the images of a document of two lists of one length, in each place of which one is null (OBELICS).

    Args:
        images: URLs, or null.
        texts: texts, or null.

    Raises:
        ValueError: the lists are of two lengths.

    >>> [(image.url, image.before, image.after) for image in interleaved_images([None, "a.jpg"], ["A dog.", None])]
    [('a.jpg', ['A dog.'], [])]
    """
    if len(images) != len(texts):
        raise ValueError(f"{len(images)} images and {len(texts)} texts: an interleaved document has as many of each")
    number = 0
    for place, image in enumerate(images):
        if image is not None and image != "":
            before, after = _near(texts[:place][::-1]), _near(texts[place + 1 :])
            yield DocumentImage(image if isinstance(image, str) else None, None, before, after, number)
            number += 1


def matched_images(infos: list[Any], texts: list[Any]) -> Iterator[DocumentImage]:
    """Yields the images of a document whose makers matched each with one of its sentences (MMC4).

    Args:
        infos: objects with `raw_url` and `matched_text_index`.
        texts: sentences.
    """
    for number, info in enumerate(infos):
        fields: Mapping[str, Any] = info if isinstance(info, dict) else {}
        url, place = fields.get("raw_url"), fields.get("matched_text_index")
        url = url if isinstance(url, str) else None
        # What went through a table with nulls has its integers as floats.
        place = int(place) if isinstance(place, float) and place.is_integer() else place
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(texts):
            yield DocumentImage(url, None, [], [], number)
            continue
        matched = next(iter(_near(texts[place : place + 1])), None)
        yield DocumentImage(url, matched, _near(texts[:place][::-1]), _near(texts[place + 1 :]), number)


def all_texts(texts: list[Any]) -> list[str]:
    """Returns the texts of a document that are any, in their order.

    >>> all_texts(["A dog. ", None, " ", "It runs."])
    ['A dog.', 'It runs.']
    """
    return list(_texts(texts))


def _near(texts: list[Any]) -> list[str]:
    return list(itertools.islice(_texts(texts), _TEXTS_A_SIDE))


def _texts(texts: list[Any]) -> Iterator[str]:
    for text in texts:
        if isinstance(text, str) and text.strip():
            yield text.strip()[:_MAX_TEXT_CHARACTERS]
