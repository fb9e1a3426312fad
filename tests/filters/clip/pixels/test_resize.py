"""Resizing on the CPU and on a device, which is the CPU here: every level is that of open_clip's own transform."""

import itertools
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch._subclasses.fake_tensor import FakeTensorMode
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

from babelsift.filters.clip.pixels.cpu_resize import cut_out
from babelsift.filters.clip.pixels.device_resize import ResizeBatch, WholeImages, geometry_of
from babelsift.filters.clip.pixels.geometry import Geometry

SIZES = [(48, 64), (90, 31), (21, 200), (32, 32), (45, 32), (333, 500), (32, 33), (20, 20), (640, 257), (1, 1), (1, 50)]
SIZES += [(700, 3), (31, 33), (1500, 1100), (301, 3), (3, 301), (300, 3)]
RESIZES = list(itertools.product(["shortest", "squash", "longest"], ["bicubic", "bilinear"]))


def transform_of(mode, interpolation, side=32):
    options = {"resize_mode": mode, "interpolation": interpolation, "fill_color": 9}
    made = open_clip.image_transform(side, is_train=False, **options)
    return Compose(made.transforms[:-2])


def noise(height, width, mode="RGB"):
    """Levels of black and white beside each other in one half: what rounding and clamping are hardest tried by."""
    draw = np.random.default_rng(height * 1000 + width)
    levels = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
    levels[:, : width // 2] = draw.choice([0, 255], (height, width // 2, 3))
    image = Image.fromarray(levels)
    return image.quantize(9) if mode == "P" else image.convert(mode)


def on_device(images, geometry):
    whole = WholeImages.of([torch.from_numpy(np.array(image.convert("RGB"))) for image in images])
    return ResizeBatch.of(whole, geometry).cut_out().permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize(("mode", "interpolation"), RESIZES)
def test_every_level_is_that_of_open_clips_transform(mode, interpolation):
    transform = transform_of(mode, interpolation)
    geometry = geometry_of(transform)
    assert geometry is not None
    sizes = [size for size in SIZES if min(geometry.resized(*size)) >= 1]
    images = [noise(*size, band) for size in sizes for band in ("RGB", "L")]
    expected = [np.asarray(transform(image)) for image in images]
    for image, wanted in zip(images, expected, strict=True):
        np.testing.assert_array_equal(cut_out(np.asarray(image), geometry), wanted)
    rows = [row for row, image in enumerate(images) if geometry.goes_along_rows_first(image.height, image.width)]
    found = on_device([images[row] for row in rows], geometry)
    np.testing.assert_array_equal(found, [expected[row] for row in rows])


@pytest.mark.parametrize("band", ["RGBA", "LA", "P", "CMYK", "1", "I;16", "YCbCr"])
@pytest.mark.parametrize(("mode", "interpolation"), RESIZES)
def test_images_of_other_modes_are_cut_out_in_their_own_mode(mode, interpolation, band):
    transform = transform_of(mode, interpolation)
    for size in SIZES[:9]:
        image = noise(*size, band)
        found = geometry_of(transform).by_pillow(image).convert("RGB")
        np.testing.assert_array_equal(np.asarray(found), np.asarray(transform(image)))


@pytest.mark.parametrize("name", ["ViT-B-32", "ViT-L-14-336", "ViT-B-16-SigLIP"])
def test_photographs_at_the_sizes_of_published_models(name):
    side = open_clip.get_model_config(name)["vision_cfg"]["image_size"]
    mode = "squash" if "SigLIP" in name else "shortest"
    transform = transform_of(mode, "bicubic", side)
    images = [noise(256, 341), noise(384, 256), noise(480, 640), noise(side, side)]
    expected = [np.asarray(transform(image)) for image in images]
    geometry = geometry_of(transform)
    np.testing.assert_array_equal(on_device(images, geometry), expected)
    np.testing.assert_array_equal([cut_out(np.asarray(image), geometry) for image in images], expected)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 400),
    width=st.integers(1, 400),
    target=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    kernel=st.sampled_from([InterpolationMode.BILINEAR, InterpolationMode.BICUBIC, InterpolationMode.LANCZOS]),
)
def test_any_size_to_any_size(height, width, target, kernel):
    transform = Compose([Resize(target, kernel)])
    geometry, image = geometry_of(transform), noise(height, width)
    expected = np.asarray(transform(image))
    np.testing.assert_array_equal(cut_out(np.asarray(image), geometry), expected)
    if geometry.goes_along_rows_first(height, width):
        np.testing.assert_array_equal(on_device([image], geometry)[0], expected)


def test_a_target_that_is_not_square():
    transform = Compose(open_clip.image_transform((24, 40), is_train=False).transforms[:-2])
    geometry = geometry_of(transform)
    for size in SIZES[:9]:
        image = noise(*size)
        np.testing.assert_array_equal(cut_out(np.asarray(image), geometry), np.asarray(transform(image)))


def test_many_sources_a_target_stay_exact():
    geometry, image = Geometry(4, 4, "squash"), noise(3000, 2500)
    expected = np.asarray(image.resize((4, 4), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(on_device([image], geometry)[0], expected)


def test_tf32_changes_nothing_of_it(monkeypatch):
    def product_in_tf32(first, second):
        rounded = [(each.view(torch.int32) & ~0x1FFF).view(torch.float32) for each in (first, second)]
        return real(*rounded)

    real = torch.matmul
    monkeypatch.setattr(torch, "matmul", product_in_tf32)
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    images = [noise(256, 341), noise(45, 32)]
    geometry = Geometry(32, 32)
    expected = [np.asarray(transform_of("shortest", "bicubic")(image)) for image in images]
    np.testing.assert_array_equal(on_device(images, geometry), expected)


def test_an_image_is_the_same_in_any_company():
    geometry, images = Geometry(32, 32), [noise(*size) for size in SIZES[:9]]
    together = on_device(images, geometry)
    for row, image in enumerate(images):
        np.testing.assert_array_equal(on_device([image], geometry)[0], together[row])


def test_a_batch_is_copied_to_the_device_in_two_pieces():
    copies = []

    def move(tensor):
        copies.append(tensor.numel())
        return tensor.to("cuda")

    with FakeTensorMode(allow_non_fake_inputs=True):
        sizes = ((256, 341),) * 64
        values = torch.empty(sum(height * width * 3 for height, width in sizes), dtype=torch.uint8)
        starts = tuple(256 * 341 * 3 * row for row in range(64))
        batch = ResizeBatch.of(WholeImages(values, starts, sizes), Geometry(224, 224))
        cut = batch.on(move).cut_out()
    assert (cut.device.type, cut.dtype, tuple(cut.shape)) == ("cuda", torch.uint8, (64, 3, 224, 224))
    assert len(batch) == 64
    assert len(copies) == 2
    assert copies[0] == values.numel()


@pytest.mark.parametrize(
    "steps",
    [
        [Resize(32, InterpolationMode.NEAREST), CenterCrop(32)],
        [Resize(40, InterpolationMode.BICUBIC), CenterCrop(32)],
        [Resize(32, InterpolationMode.BICUBIC)],
        [Resize(32, InterpolationMode.BICUBIC, max_size=40), CenterCrop(32)],
        [Resize(32, InterpolationMode.BICUBIC), CenterCrop(32), torch.nn.Identity()],
        [SimpleNamespace(size=32)],
    ],
)
def test_transforms_of_an_unusual_kind_are_left_alone(steps):
    assert geometry_of(Compose(steps)) is None


def test_nothing_is_left_of_a_line():
    with pytest.raises(ValueError, match="height and width must be > 0"):
        cut_out(np.zeros((1, 1000), np.uint8), Geometry(32, 32, "contain"))
