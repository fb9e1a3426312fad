import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.image.hashing.borders import border_widths, within_borders
from tests.support.pictures import picture


def framed(grey, widths, level):
    return cv2.copyMakeBorder(grey, *widths, cv2.BORDER_CONSTANT, value=level)


@given(st.tuples(*[st.integers(0, 40)] * 4), st.sampled_from([0, 90, 255]))
def test_a_border_of_any_width_is_measured(widths, level):
    grey = np.where(np.indices((60, 80)).sum(axis=0) % 2, 50, 200).astype(np.uint8)  # no line of it is of one colour
    assert border_widths(framed(grey, widths, level)) == widths


def test_a_compressed_border_is_measured_but_for_its_last_block():
    image = picture(2)
    stored = cv2.imencode(".jpg", framed(image, (24, 24, 40, 16), (255,) * 3), [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    found = border_widths(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE))
    assert all(width - 8 <= measured <= width for measured, width in zip(found, (24, 24, 40, 16), strict=True))


def test_a_picture_has_no_border():
    grey = picture(1)[..., 1]
    assert border_widths(grey) == (0, 0, 0, 0)
    assert grey[within_borders(grey)].shape == grey.shape


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 2), (100, 100)])
def test_of_a_blank_image_a_middle_is_left(shape):
    blank = np.zeros(shape, np.uint8)
    left = blank[within_borders(blank)]
    assert min(left.shape) >= 1
    assert max(left.shape) <= max(shape)
