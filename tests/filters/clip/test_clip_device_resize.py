"""Resizing on a device, tried on the CPU: what open_clip's own transform gives, to a level here and there."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

from babelsift.filters.clip import load_model
from babelsift.filters.clip.device_resize import DeviceResize, WholeImages
from babelsift.filters.clip.encoder import PairEncoder

SIZES = [(64, 48), (31, 90), (200, 21), (32, 32), (32, 45), (500, 333), (33, 32), (20, 20), (257, 640)]


def picture(width, height, mode="RGB"):
    """Smooth in places and sharp in others, as photographs are."""
    draw = np.random.default_rng(width * height)
    coarse = Image.fromarray(draw.integers(0, 256, (7, 7, 3), dtype=np.uint8)).resize((width, height))
    fine = draw.integers(-40, 40, (height, width, 3)) * (np.arange(width)[None, :, None] > width // 2)
    return Image.fromarray(np.clip(np.asarray(coarse) + fine, 0, 255).astype(np.uint8)).convert(mode)


def encoded(image, kind="PNG"):
    sink = io.BytesIO()
    image.save(sink, kind)
    return sink.getvalue()


@pytest.mark.parametrize("mode", ["shortest", "squash"])
def test_pixels_are_those_of_open_clips_transform(mode):
    transform = open_clip.image_transform(32, is_train=False, resize_mode=mode, interpolation="bicubic")
    geometry = Compose(transform.transforms[:-2])
    images = [picture(*size) for size in SIZES]
    whole = WholeImages.of([torch.from_numpy(np.array(image)) for image in images])
    found = DeviceResize.of(geometry)(whole, torch.device("cpu")).permute(0, 2, 3, 1).numpy()
    expected = np.stack([np.asarray(geometry(image)) for image in images]).astype(float)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 0.002


def test_some_of_the_images_and_one_of_them_again():
    geometry = Compose(open_clip.image_transform(32, is_train=False).transforms[:-2])
    whole = WholeImages.of([torch.from_numpy(np.array(picture(*size))) for size in SIZES])
    resize, place = DeviceResize.of(geometry), torch.device("cpu")
    some = whole[torch.tensor([2, 3, 4, 4])]
    assert len(some) == 4
    assert len(some.sizes) == 3
    assert torch.equal(resize(some, place), resize(whole, place)[[2, 3, 4, 4]])
    assert torch.equal(resize(some[torch.tensor([1, 3])], place), resize(whole, place)[[3, 4]])


@pytest.mark.parametrize(
    "steps",
    [
        [Resize(32, InterpolationMode.BILINEAR), CenterCrop(32)],
        [Resize(40, InterpolationMode.BICUBIC), CenterCrop(32)],
        [Resize(32, InterpolationMode.BICUBIC)],
        [Resize(32, InterpolationMode.BICUBIC), CenterCrop(32), torch.nn.Identity()],
        open_clip.image_transform(32, is_train=False, resize_mode="longest").transforms[:-2],
    ],
)
def test_what_it_cannot_stand_in_for_is_left_to_the_cpu(steps):
    assert DeviceResize.of(Compose(steps)) is None


def test_embeddings_are_the_cpus(model_folder):
    model = load_model(str(model_folder), precision="fp32")
    images = [encoded(picture(*size)) for size in SIZES]
    images += [
        encoded(picture(60, 50, "L")),
        encoded(picture(60, 50).convert("RGBA")),
        encoded(picture(60, 50).quantize(9)),
    ]
    images += [encoded(picture(1400, 900)), b"no image", None, encoded(picture(60, 50), "JPEG")]
    captions = [f"photograph {number} of a cat" for number in range(len(images))]
    pairs = list(zip(images, captions, strict=True))
    errors, similarities = [], []
    for resizes_on_device in (True, False):
        encoder = PairEncoder(model, rows=len(pairs), resizes_on_device=resizes_on_device)
        with ThreadPoolExecutor(1) as decoders:
            prepared = encoder.prepare(pairs, decoders)
        assert isinstance(prepared.pixels, WholeImages) is resizes_on_device
        image, text = encoder.embed(prepared)
        errors.append(prepared.errors)
        similarities.append(np.einsum("ij,ij->i", image, text))
    assert errors[0] == errors[1]
    assert sum(error is not None for error in errors[0]) == 2
    assert np.abs(similarities[0] - similarities[1]).max() < 1e-4


def test_large_images_are_shrunk_before_they_are_gathered(model_folder):
    model = load_model(str(model_folder), precision="fp32")
    encoder = PairEncoder(model, rows=4, resizes_on_device=True)
    pairs = [(encoded(picture(*size)), "a cat") for size in ((1400, 900), (300, 200))]
    with ThreadPoolExecutor(1) as decoders:
        prepared = encoder.prepare(pairs, decoders)
    assert prepared.pixels.sizes == ((32, 32), (200, 300))


def test_a_cpu_resizes_as_open_clip_does(model_folder):
    model = load_model(str(model_folder), precision="fp32")
    with ThreadPoolExecutor(1) as decoders:
        prepared = PairEncoder(model, rows=4).prepare([(encoded(picture(300, 200)), "a cat")], decoders)
    assert prepared.pixels.shape == (1, 32, 32, 3)
