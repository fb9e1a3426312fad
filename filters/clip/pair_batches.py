"""Cuts a stream of pairs into batches in which an image that has several texts in a row is whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Pair = tuple[bytes | None, str | None]

# Texts of a batch for each image of it: a batch with more ends at the next image, and at twice as many within one.
_TEXTS_PER_IMAGE = 8


def pair_batches(pairs: Iterable[Pair], images: int) -> Iterator[list[Pair]]:
    """Yields the pairs in batches, in order.

    Args:
        pairs: those of one image side by side, with equal bytes.
        images: of a batch, at the most; pairs side by side with one image count it once.

    >>> [len(batch) for batch in pair_batches([(b"a", "x"), (b"a", "y"), (b"b", "x"), (b"c", "x")], images=2)]
    [3, 1]
    """
    batch: list[Pair] = []
    found = 0
    for pair in pairs:
        is_new = not batch or not is_same_image(batch[-1][0], pair[0])
        is_full = is_new and (found == images or len(batch) >= _TEXTS_PER_IMAGE * images)
        if batch and (is_full or len(batch) >= 2 * _TEXTS_PER_IMAGE * images):
            yield batch
            batch, found, is_new = [], 0, True
        batch.append(pair)
        found += is_new
    if batch:
        yield batch


def image_of_each(images: Sequence[bytes | None]) -> list[int]:
    """Returns for each image its number among the different ones, where equal images side by side are one.

    >>> image_of_each([b"a", b"a", b"b", b"a"])
    [0, 0, 1, 2]
    """
    numbers: list[int] = []
    for row, image in enumerate(images):
        is_same = row > 0 and is_same_image(images[row - 1], image)
        numbers.append(numbers[-1] + (not is_same) if numbers else 0)
    return numbers


def is_same_image(first: bytes | None, second: bytes | None) -> bool:
    """Returns whether two images have the same bytes; where there are none, there is no image to be the same."""
    return bool(first) and (first is second or first == second)
