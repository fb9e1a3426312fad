"""What pairs score, in whatever company, and what a bad one costs."""

import collections
import dataclasses
import io
import os
import struct
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import open_clip
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from babelsift.filters.clip import ClipScorer
from babelsift.filters.clip.pixels.decode import decode
from tests.support.clip_pairs import CAPTIONS, IMAGES, encoded, picture


def png_header(width, height):
    """A grey PNG that says it is that large, without the pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    end = b"IDAT" + zlib.compress(b"")
    chunks = [struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) for body in (header, end)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def open_clip_embeddings(folder, images, captions):
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    model.eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(list(captions))
    pixels = torch.stack([preprocess(Image.open(io.BytesIO(image))) for image in images])
    with torch.inference_mode():
        image, text, _ = model(pixels, tokens)
    return image.numpy(), text.numpy()


@pytest.mark.parametrize(
    "preprocess",
    [{}, {"resize_mode": "squash", "interpolation": "bilinear"}, {"resize_mode": "longest", "fill_color": 255}],
)
def test_similarity_is_open_clips_own(make_model_folder, preprocess):
    folder = make_model_folder(preprocess=preprocess)
    result = ClipScorer(str(folder), batch_size=5, precision="fp32").score(IMAGES, CAPTIONS, embeddings=True)
    image, text = open_clip_embeddings(folder, IMAGES, CAPTIONS)
    assert result.column("error").null_count == len(IMAGES)
    np.testing.assert_allclose(result.column("similarity"), (image * text).sum(axis=1), atol=1e-6)
    for column, expected in (("image_embedding", image), ("text_embedding", text)):
        assert result.schema.field(column).type == pa.list_(pa.float16(), 16)
        found = np.stack(result.column(column).to_pylist()).astype(np.float32)
        np.testing.assert_allclose(found, expected, atol=1e-3)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=2e-3)


def test_scores_differ_between_pairs(scorer):
    similarity = scorer.score(IMAGES, CAPTIONS).column("similarity").to_pylist()
    assert len(set(similarity)) == len(IMAGES)
    assert scorer.score(IMAGES, CAPTIONS[::-1]).column("similarity").to_pylist() != similarity


def test_a_pair_scores_the_same_in_any_company(loaded):
    images, captions = IMAGES * 2, CAPTIONS * 2
    together = ClipScorer.from_loaded(loaded, batch_size=64).score(images, captions)
    alone = ClipScorer.from_loaded(loaded, batch_size=1).score(images, captions)
    sevens = ClipScorer.from_loaded(loaded, batch_size=7).score(images, captions)
    assert together.equals(alone)
    assert together.equals(sevens)


@pytest.mark.parametrize(
    ("image", "caption", "error"),
    [
        (None, "a cat", "image: missing"),
        (b"", "a cat", "image: empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a cat", "image: not a JPEG, PNG or WebP"),
        (encoded(picture(9, 9), "GIF"), "a cat", "image: not a JPEG, PNG or WebP"),
        (encoded(picture(99, 99))[:900], "a cat", "image: image file is truncated"),
        (png_header(12_000, 8_400), "a cat", "image: 12000 x 8400 pixels are too many"),
        (png_header(60_000, 60_000), "a cat", "image: Image size (3600000000 pixels) exceeds limit of"),
        (png_header(1, 100_000), "a cat", "image: 1 x 100000 pixels are too narrow"),
        (IMAGES[0], None, "caption: missing"),
        (IMAGES[0], "", "caption: empty"),
        (IMAGES[0], " \n\u3000", "caption: empty"),
        (IMAGES[0], 7, "caption: not text"),
        (b"no image", "", "image: not a JPEG, PNG or WebP"),
    ],
)
@pytest.mark.filterwarnings("ignore:Image size:PIL.Image.DecompressionBombWarning")
def test_a_bad_pair_costs_only_its_row(scorer, image, caption, error):
    good = scorer.score(IMAGES[:4], CAPTIONS[:4], embeddings=True)
    images, captions = [*IMAGES[:2], image, *IMAGES[2:4]], [*CAPTIONS[:2], caption, *CAPTIONS[2:4]]
    result = scorer.score(images, captions, embeddings=True)
    bad = result.slice(2, 1).to_pylist()[0]
    assert bad["error"].startswith(error)
    assert [bad[name] for name in ("similarity", "image_embedding", "text_embedding")] == [None] * 3
    assert result.take(pa.array([0, 1, 3, 4])).equals(good)


def test_a_caption_that_the_tokenizer_refuses_costs_only_its_row(loaded, scorer):
    def tokenize(texts):
        for text in texts:
            text.encode()  # as tokenizers written in Rust do; open_clip's own mends lone surrogates
        return loaded.tokenize(texts)

    strict = ClipScorer.from_loaded(dataclasses.replace(loaded, tokenize=tokenize))
    captions = ["a cat", "a \ud800 cat", "two cats"]
    result = strict.score(IMAGES[:3], captions)
    assert result.column("error")[1].as_py().startswith("caption: 'utf-8' codec can't encode character")
    assert scorer.score(IMAGES[:3], captions).take(pa.array([0, 2])).equals(result.take(pa.array([0, 2])))


def test_a_batch_of_bad_pairs(scorer):
    result = scorer.score([b"x"] * 7, ["a"] * 7, embeddings=True)
    assert result.column("similarity").null_count == result.column("image_embedding").null_count == 7
    assert result.column("error").null_count == 0


def test_an_absurdly_long_caption_is_cut_as_its_beginning(scorer):
    endless = "ab" * 1_000_000
    result = scorer.score(IMAGES[:1] * 3, [endless, endless[:5000], " " * 20_000 + "a cat"])
    similarity = result.column("similarity").to_pylist()
    assert similarity[0] == similarity[1] is not None
    assert result.column("error").to_pylist() == [None] * 3
    assert similarity[2] == scorer.score(IMAGES[:1], ["a cat"]).column("similarity")[0].as_py()


@settings(max_examples=60, deadline=None)
@given(
    original=st.sampled_from(IMAGES),
    at=st.integers(0, 400),
    noise=st.binary(min_size=1, max_size=40),
    cut=st.integers(10, 20_000),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_images_never_raise(loaded, original, at, noise, cut):
    damaged = (original[:at] + noise + original[at + len(noise) :])[:cut]
    row = ClipScorer.from_loaded(loaded).score([damaged], ["a cat"]).to_pylist()[0]
    assert (row["similarity"] is None) == (row["error"] is not None)
    assert row["error"] is None or (row["error"].startswith("image: ") and "\n" not in row["error"])


def test_a_stream_is_read_one_batch_ahead(scorer):
    pulled = []

    def pairs():
        for number in range(30):
            pulled.append(number)
            yield IMAGES[number % 2], f"cat {number}"

    results = scorer.score_stream(pairs())
    sizes = []
    for result in results:
        sizes.append(len(result))
        assert len(pulled) <= sum(sizes) + 2 * scorer.batch_size + 1  # the pair that shows where a batch ends
    assert sizes == [3] * 10


def test_a_stream_that_fails_fails_the_scoring(scorer):
    def pairs():
        yield IMAGES[0], "a cat"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(scorer.score_stream(pairs()))


def test_threads_outlive_a_stream(loaded, monkeypatch):
    seen = {"embed": set(), "decode": set()}

    class Seen:
        encode_text = staticmethod(loaded.module.encode_text)

        def encode_image(self, pixels):
            seen["embed"].add(threading.current_thread())
            return loaded.module.encode_image(pixels)

    def decode_and_note(*args, **options):
        seen["decode"].add(threading.current_thread())
        return decode(*args, **options)

    monkeypatch.setattr("babelsift.filters.clip.decoders.decode", decode_and_note)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3}, raising=False)
    scorer = ClipScorer.from_loaded(dataclasses.replace(loaded, module=Seen()))
    for _ in range(5):
        scorer.score(IMAGES, CAPTIONS)
    assert len(seen["embed"]) == 1
    assert 1 <= len(seen["decode"]) <= 2


def test_streams_side_by_side_have_their_own_results(scorer):
    expected = scorer.score(IMAGES, CAPTIONS)
    with ThreadPoolExecutor(4) as users:
        results = list(users.map(lambda _: scorer.score(IMAGES, CAPTIONS), range(8)))
    assert all(result.equals(expected) for result in results)


def test_a_stream_that_is_left_ends_with_what_was_begun(loaded):
    begun, finished, may_finish = [], [], threading.Event()

    class Held:
        encode_text = staticmethod(loaded.module.encode_text)

        def encode_image(self, pixels):
            begun.append(len(pixels))
            assert len(begun) == 1 or may_finish.wait()
            finished.append(len(pixels))
            return loaded.module.encode_image(pixels)

    held = ClipScorer.from_loaded(dataclasses.replace(loaded, module=Held()), batch_size=1)
    stream = held.score_stream((IMAGES[0], f"cat {number}") for number in range(1000))
    next(stream)
    leaving = threading.Thread(target=stream.close)
    leaving.start()
    leaving.join(0.3)
    assert leaving.is_alive()
    may_finish.set()
    leaving.join()
    assert finished == begun
    assert len(begun) == 2


def test_nothing_to_score(scorer):
    result = scorer.score([], [], embeddings=True)
    assert len(result) == 0
    assert result.schema == scorer.result_schema(embeddings=True)


def test_arrow_captions(scorer):
    expected = scorer.score(IMAGES, CAPTIONS)
    assert scorer.score(IMAGES, pa.array(CAPTIONS)).equals(expected)


def test_wrong_use(loaded, scorer):
    with pytest.raises(ValueError, match="2 images and 1 captions"):
        scorer.score(IMAGES[:2], ["a"])
    with pytest.raises(ValueError, match="batch_size should be at least 1, found 0"):
        ClipScorer.from_loaded(loaded, batch_size=0)


def test_equal_captions_are_encoded_once(loaded, scorer):
    asked = []

    class Counting:
        encode_image = staticmethod(loaded.module.encode_image)

        def encode_text(self, tokens):
            asked.extend(map(tuple, tokens.tolist()))
            return loaded.module.encode_text(tokens)

    captions = ["a cat", "a dog"] * 20
    counting = ClipScorer.from_loaded(dataclasses.replace(loaded, module=Counting()))
    result = counting.score(IMAGES * 5, captions)
    assert (len(set(asked)), len(asked)) == (2, 8)
    expected = scorer.score(IMAGES * 5, captions).column("similarity")
    np.testing.assert_allclose(result.column("similarity"), expected, atol=1e-6)


@pytest.mark.parametrize("has_fixed_shapes", [False, True])
def test_an_image_is_embedded_once_for_its_texts(has_fixed_shapes, loaded):
    seen = collections.Counter()

    class Counting:
        encode_text = staticmethod(loaded.module.encode_text)

        def encode_image(self, pixels):
            seen.update({image.numpy().tobytes() for image in pixels})  # without what fills up a pass
            return loaded.module.encode_image(pixels)

    counting = dataclasses.replace(loaded, module=Counting())
    several = ClipScorer.from_loaded(counting, batch_size=3, has_fixed_shapes=has_fixed_shapes)
    images = [bytes(bytearray(image)) for image in IMAGES for _ in range(5)] + [b"no image"] * 2
    captions = [f"a cat, {number}" for number in range(len(images) - 1)] + [""]
    captions[7] = None
    found = several.score(images, captions, embeddings=True)
    blank = 1 if has_fixed_shapes else 0  # the pass that finds out how much memory there is
    assert (len(seen), max(seen.values())) == (len(IMAGES) + blank, 1)
    errors = {row: error for row, error in enumerate(found.column("error").to_pylist()) if error}
    assert sorted(errors) == [7, 40, 41]
    assert errors[7] == "caption: missing"
    alone = ClipScorer.from_loaded(counting, batch_size=3, has_fixed_shapes=has_fixed_shapes)
    apart = [alone.score([image], [caption], embeddings=True) for image, caption in zip(images, captions, strict=True)]
    assert found.to_pylist() == pa.concat_batches(apart).to_pylist()


def test_importing_needs_neither_torch_nor_beam():
    program = (
        "import sys, babelsift.filters.clip; sys.exit(any(name in sys.modules for name in ('torch', 'apache_beam')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
