"""fp32 on a GPU, seen without a GPU: tensors of FakeTensorMode are on `cuda` and have no values."""

from types import SimpleNamespace

import open_clip
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from babelsift.filters.clip import model_fingerprint
from babelsift.filters.clip.models import device_info
from babelsift.filters.clip.patches import without_tf32

GPU, CPU = SimpleNamespace(type="cuda"), SimpleNamespace(type="cpu")


class Calls(TorchDispatchMode):
    """Counts the operations that reach a device, by name."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(function.name())
        return function(*args, **(kwargs or {}))


def vision(kind="ViT-B-32", **settings):
    config = open_clip.get_model_config(kind)
    config["vision_cfg"] = {**config["vision_cfg"], "layers": 1, "width": 64, **settings}
    torch.manual_seed(0)
    return open_clip.CLIP(**config).eval()


@pytest.fixture(autouse=True)
def cudnn_as_it_was():
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True
    yield
    torch.backends.cudnn.allow_tf32 = before


def test_a_vision_transformer_runs_no_convolution_on_a_gpu():
    with FakeTensorMode(), torch.device("cuda"):
        model = without_tf32(vision())
        with torch.no_grad(), Calls() as calls:
            features = model.encode_image(torch.empty(3, 3, 224, 224))
    assert features.device.type == "cuda"
    assert [name for name in calls.names if "conv" in name] == []


def test_patches_as_a_product_are_those_of_the_convolution():
    torch.manual_seed(0)
    model, pixels = vision(), torch.rand(3, 3, 224, 224)
    with torch.inference_mode():
        expected, whole = model.visual.conv1(pixels), model.encode_image(pixels)
        names = list(model.state_dict())
        without_tf32(model)
        assert list(model.state_dict()) == names
        assert (model.visual.conv1(pixels) - expected).abs().max() < 1e-5
        assert (model.encode_image(pixels) - whole).abs().max() < 1e-5
    assert torch.backends.cudnn.allow_tf32  # nobody else's settings are changed where nothing needs it


@pytest.mark.parametrize(("side", "bias"), [(16, True), (18, False)])
def test_patches_of_any_convolution_that_cuts_them(side, bias):
    layer = torch.nn.Conv2d(3, 8, (4, 5), (4, 5), bias=bias)
    pixels = torch.rand(2, 3, side, side + 1)
    expected = layer(pixels)
    found = without_tf32(torch.nn.Sequential(layer))(pixels)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-6


@pytest.mark.parametrize("settings", [{"stride": 2}, {"padding": 1, "stride": 3}, {"stride": 3, "padding": "valid"}])
def test_other_convolutions_are_left_and_lose_tf32(settings):
    layer = torch.nn.Conv2d(3, 6, 3, **settings)
    without_tf32(torch.nn.Sequential(layer))
    assert type(layer) is torch.nn.Conv2d
    assert not torch.backends.cudnn.allow_tf32


def test_a_convolution_of_low_precision_needs_nothing():
    without_tf32(torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3).bfloat16()))
    assert torch.backends.cudnn.allow_tf32


def test_a_fingerprint_tells_cpu_gpu_and_tf32_apart():
    parts = {"model": "m", "pretrained": None, "weights_digest": "a", "preprocessing": {}, "precision": "fp32"}
    assert device_info(CPU) == {}
    assert device_info(GPU) == {"device": "cuda", "resize": 2}
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        tf32 = device_info(GPU)
        assert device_info(CPU) == {}
    finally:
        torch.set_float32_matmul_precision(before)
    assert tf32 == {"device": "cuda", "resize": 2, "tf32": True}
    found = {model_fingerprint(**parts, **info) for info in ({}, device_info(GPU), tf32)}
    assert len(found) == 3
