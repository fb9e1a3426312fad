import copy
import json

import numpy as np
import open_clip
import pytest
import torch

from babelsift.filters.clip import load_model
from babelsift.filters.clip.residuals import input_dtype, widen_residuals
from babelsift.filters.clip.towers import Towers

SIZES = {"layers": 4, "width": 128}
CONFIG = {
    "embed_dim": 256,
    "vision_cfg": {"image_size": 64, "patch_size": 16, "head_width": 32, **SIZES},
    "text_cfg": {"context_length": 77, "vocab_size": 1000, "heads": 4, **SIZES},
}
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def build(kind=open_clip.CLIP, precision="fp32", **text):
    torch.manual_seed(3)
    config = json.loads(json.dumps({**CONFIG, "text_cfg": {**CONFIG["text_cfg"], **text}}))
    model = kind(**config, cast_dtype=open_clip.get_cast_dtype(precision)).eval()
    if precision in DTYPES:
        open_clip.convert_weights_to_lp(model, DTYPES[precision])
    return model


def embeddings(model, precision="fp32"):
    rng = torch.Generator().manual_seed(4)
    # Neighbours alike, as in photographs.
    pixels = torch.nn.functional.interpolate(torch.randn(48, 3, 8, 8, generator=rng), size=64, mode="bilinear")
    tokens = torch.randint(1, 999, (48, 77), generator=rng)
    tokens[torch.arange(48), 5 + torch.arange(48) % 30] = 999  # the end of text
    towers = Towers(model, torch.device("cpu"), rows=64)
    image = towers.encode_images(48, lambda at: pixels[at].to(input_dtype(model, precision)))
    return image, towers.encode_texts(tokens)


def off(model, precision, exact):
    """Root mean square of how far similarities are from exact ones, over all images and captions."""
    image, text = embeddings(model, precision)
    return np.sqrt(np.mean((image @ text.T - exact[0] @ exact[1].T) ** 2))


@pytest.mark.parametrize("kind", [pytest.param(open_clip.CLIP, marks=pytest.mark.slow), open_clip.CustomTextCLIP])
def test_residuals_in_fp32_bring_bf16_nearer_to_it(kind):
    exact = embeddings(build(kind))
    rounded, widened = build(kind, "bf16"), build(kind, "bf16")
    assert widen_residuals(widened) == ["image", "text"]
    assert off(widened, "bf16", exact) < 0.85 * off(rounded, "bf16", exact)


@pytest.mark.parametrize("precision", [pytest.param("fp16", marks=pytest.mark.slow), "bf16"])
def test_the_large_multiplications_stay_in_low_precision(precision):
    model = build(precision=precision)
    widen_residuals(model)
    seen = []
    for block in (*model.visual.transformer.resblocks, *model.transformer.resblocks):
        assert block.attn.in_proj_weight.dtype == block.mlp.c_fc.weight.dtype == DTYPES[precision]
        block.mlp.c_fc.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0].dtype))
        block.register_forward_hook(lambda layer, inputs, output: seen.append(output.dtype))
    embeddings(model, precision)
    assert set(seen[::2]) == {DTYPES[precision]}
    assert set(seen[1::2]) == {torch.float32}


def test_towers_of_other_kinds_are_left_alone():
    coca = build(open_clip.CustomTextCLIP, "bf16", embed_cls=True, output_tokens=True)
    assert widen_residuals(coca) == ["image"]
    custom = build(open_clip.CustomTextCLIP, "bf16", block_type="custom")
    assert widen_residuals(custom) == ["image"]
    assert widen_residuals(build()) == []
    assert widen_residuals(torch.nn.Linear(2, 2)) == []
    resnet = json.loads(json.dumps(CONFIG))
    resnet["vision_cfg"] = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8}
    model = open_clip.CLIP(**resnet, cast_dtype=torch.bfloat16).eval()
    open_clip.convert_weights_to_lp(model, torch.bfloat16)
    assert widen_residuals(model) == ["text"]
    assert input_dtype(model, "bf16") == torch.bfloat16
    embeddings(model, "bf16")


def test_a_copy_for_another_device_adds_up_alike():
    model = build(precision="bf16")
    widen_residuals(model)
    for one, other in zip(embeddings(model, "bf16"), embeddings(copy.deepcopy(model), "bf16"), strict=True):
        assert (one == other).all()


def test_what_is_widened_is_part_of_the_fingerprint(model_folder):
    rounded = load_model(str(model_folder), precision="bf16")
    assert rounded.info["fp32_residuals"] == ["image", "text"]
    assert "fp32_residuals" not in load_model(str(model_folder), precision="fp32").info


def test_weights_are_not_copied_once_a_token(model_folder):
    """Without gradients required, torch multiplies a masked tower's projections as a batch with copies of them."""
    model = load_model(str(model_folder), precision="bf16")
    tokens = model.tokenize(["a cat"] * 16)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        Towers(model.module, torch.device("cpu"), rows=64).encode_texts(tokens)
    names = {event.key for event in profile.key_averages()}
    assert "aten::mm" in names or "aten::addmm" in names
    assert "aten::bmm" not in names
