"""The similarity of what is left of an image when its text is painted over."""

from importlib import resources

import cv2
import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.clip import ClipScorer
from babelsift.filters.columns.masked_similarity import MaskedSimilarity, without_regions
from babelsift.schemas import ModelError
from tests.support.pictures import picture

DEMO = f"local-dir:{resources.files('babelsift.pipelines.demo').joinpath('clip')}"
WHITE, GREY = 255, 120
BOX = np.array([[20.0, 30.0], [60.0, 30.0], [60.0, 45.0], [20.0, 45.0]])


def test_a_region_takes_the_colour_around_it_and_nothing_else_changes():
    image = np.full((100, 120, 3), (200, 40, 90), np.uint8)
    image[:, 80:] = GREY  # too far away to count
    shown = image.copy()
    shown[30:46, 20:61] = WHITE
    assert (without_regions(shown, [BOX]) == image).all()
    assert (without_regions(image, []) == image).all()


def test_regions_side_by_side_do_not_colour_each_other():
    image = np.full((100, 120, 3), GREY, np.uint8)
    shown = image.copy()
    shown[30:64, 20:61] = WHITE
    below = BOX + np.array([0, 18])
    between = BOX + np.array([0, 9])
    assert (without_regions(shown, [BOX, between, below]) == image).all()


def test_an_image_that_is_all_text_takes_its_own_colour():
    image = np.full((10, 10, 3), WHITE, np.uint8)
    image[:5] = 55
    everything = np.array([[0, 0], [9, 0], [9, 9], [0, 9]])
    assert (without_regions(image, [everything]) == 155).all()


@pytest.fixture(scope="module")
def maker():
    pytest.importorskip("rapidocr_onnxruntime", reason="it is installed without its dependencies, see docs/columns.md")
    maker = MaskedSimilarity(DEMO)
    maker.close()  # as after the plan; loading makes it ready again
    maker.load()
    yield maker
    maker.close()


def test_text_is_out_of_it_and_the_rest_is_the_plain_similarity(maker):
    plain = np.full((200, 320, 3), 250, np.uint8)
    cv2.circle(plain, (160, 150), 40, (200, 30, 30), -1)
    shown = plain.copy()
    cv2.putText(shown, "SUMMER SALE", (40, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 2)
    captions = pa.array(["a red circle"] * 2)
    made = maker.make([plain, shown], captions)
    assert made.schema.names == ["", "error"]
    pngs = [cv2.imencode(".png", image[..., ::-1])[1].tobytes() for image in (plain, shown)]
    scores = ClipScorer(DEMO, precision="fp32").score(pngs, captions).column("similarity").to_pylist()
    masked = made.column(0).to_pylist()
    assert masked[0] == scores[0]
    assert masked[1] == pytest.approx(scores[0], abs=1e-4)
    assert abs(scores[1] - scores[0]) > 1e-3


def test_a_fault_of_one_pair_costs_that_pair(maker):
    made = maker.make([picture(1), np.zeros((0, 4, 3), np.uint8)], pa.array(["a cat", "a dog"]))
    assert made.column(0).is_valid().to_pylist() == [True, False]
    assert made.column("error")[1].as_py()


def test_another_model_is_another_column_and_one_that_is_not_there_is_one_line(maker, tmp_path):
    assert "clip_fingerprint" in maker.info
    with pytest.raises(ModelError, match="nowhere"):
        MaskedSimilarity(str(tmp_path / "nowhere.pt"))
