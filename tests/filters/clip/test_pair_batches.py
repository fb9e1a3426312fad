"""How a stream of pairs is cut into batches."""

import itertools

import pytest

from babelsift.filters.clip.pair_batches import image_of_each, pair_batches


def sizes(images, limit):
    pairs = [(image, f"text {row}") for row, image in enumerate(images)]
    batches = list(pair_batches(pairs, limit))
    assert list(itertools.chain(*batches)) == pairs
    return [len(batch) for batch in batches]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([], []),
        ([b"a", b"b", b"c", b"d", b"e"], [2, 2, 1]),
        ([b"a", b"b", b"b", b"b", b"c", b"c"], [4, 2]),  # no image is in two batches
        ([b"a", b"b", b"a", b"b"], [2, 2]),  # side by side alone counts
        ([b"", b"", b"", None, None], [2, 2, 1]),  # nothing is no image
        ([b"a"] * 20 + [b"b"], [20, 1]),  # with many texts a batch ends at the next image
        ([b"a"] * 70, [32, 32, 6]),  # and at the latest here
    ],
)
def test_batches(images, expected):
    assert sizes(images, 2) == expected


def test_nothing_is_read_beyond_the_next_image():
    pulled = []
    pairs = ((b"%d" % (number // 3), pulled.append(number) or "text") for number in itertools.count())
    assert len(next(pair_batches(pairs, 2))) == 6
    assert len(pulled) == 7


def test_numbers_of_images():
    assert image_of_each([b"a", b"a", b"b", b"", b"", None, b"a"]) == [0, 0, 1, 2, 3, 4, 5]
    assert image_of_each([]) == []
