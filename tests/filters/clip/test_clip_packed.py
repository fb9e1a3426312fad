"""Packed captions against the padded tower: the real code of open_clip's text towers, small and with random weights."""

import json

import numpy as np
import open_clip
import pytest
import torch
from torch.nn.functional import normalize

from babelsift.filters.clip.towers.by_length import Towers
from babelsift.filters.clip.towers.packed import PackedTower, pack

CPU = torch.device("cpu")
VISION = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
END = 49407


def clip(kind=open_clip.CLIP, **text):
    torch.manual_seed(1)
    config = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": {**TEXT, **text}}
    return kind(**json.loads(json.dumps(config))).eval()


PACKABLE = {
    "openai": lambda: clip(),
    "custom": lambda: clip(open_clip.CustomTextCLIP),
    "end of text by its number": lambda: clip(open_clip.CustomTextCLIP, pool_type="eos", eos_id=END),
    "a projection with a bias": lambda: clip(open_clip.CustomTextCLIP, proj_type="linear", proj_bias=True),
    "no projection": lambda: clip(open_clip.CustomTextCLIP, proj_type="none", width=16),
    "scaled layers": lambda: clip(open_clip.CustomTextCLIP, ls_init_value=0.1),
}
OTHERS = {
    "coca's class token": lambda: clip(open_clip.CustomTextCLIP, embed_cls=True, output_tokens=False),
    "siglip": lambda: clip(open_clip.CustomTextCLIP, no_causal_mask=True, pool_type="last"),
    "first token": lambda: clip(open_clip.CustomTextCLIP, pool_type="first"),
    "blocks of another kind": lambda: clip(open_clip.CustomTextCLIP, scale_heads=True),
}


def captions(count, context=77, seed=0):
    """Tokens of captions of all lengths, mostly short ones, as captions of the web are."""
    draw = np.random.default_rng(seed)
    lengths = np.minimum(2 + draw.geometric(0.08, count), context)
    lengths[: context - 1] = np.arange(2, context + 1)[:count]
    tokens = draw.integers(1, 49000, (count, context))
    tokens[:, 0] = END - 1
    tokens[np.arange(count), lengths - 1] = END
    tokens[np.arange(context) >= lengths[:, None]] = 0
    return torch.from_numpy(tokens)


def packed_embeddings(towers, tokens, rows=64, per_caption=24):
    tower, ends = towers.packed, towers.last_tokens(tokens).numpy()
    found, passes = None, 0
    for each in pack(tokens.numpy(), ends, captions=rows, row=max(rows * per_caption, tokens.shape[1])):
        embeddings = normalize(tower(*each.parts()).float(), dim=-1).numpy()
        found = np.full((len(tokens), embeddings.shape[1]), np.nan, np.float32) if found is None else found
        found[each.rows] = embeddings[: len(each.rows)]
        passes += 1
    return found, passes


@pytest.mark.parametrize("name", PACKABLE)
def test_packed_captions_have_the_embeddings_of_padded_ones(name):
    model, tokens = PACKABLE[name](), captions(300)
    with torch.inference_mode():
        padded = normalize(model.encode_text(tokens), dim=-1).numpy()
        found, passes = packed_embeddings(Towers(model, CPU, rows=64), tokens)
    assert np.abs(found - padded).max() <= 1e-6
    assert passes < 12


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_packed_captions_in_low_precision(dtype):
    model, tokens = clip().to(dtype), captions(100)
    with torch.inference_mode():
        padded = normalize(model.encode_text(tokens).float(), dim=-1).numpy()
        found, _ = packed_embeddings(Towers(model, CPU, rows=64), tokens)
    assert np.abs(found - padded).max() < 2e-2


@pytest.mark.parametrize(("batches", "count"), [(1, 1500), pytest.param(20, 5000, marks=pytest.mark.slow)])
def test_many_captions(batches, count):
    model = clip(width=16, heads=2, layers=2)
    towers, worst = Towers(model, CPU, rows=512), 0.0
    for seed in range(batches):
        tokens = captions(count, seed=seed)
        with torch.inference_mode():
            padded = normalize(model.encode_text(tokens), dim=-1).numpy()
            found, _ = packed_embeddings(towers, tokens, rows=512)
        assert not np.isnan(found).any()
        worst = max(worst, float(np.abs(found - padded).max()))
    assert worst <= 1e-6


@pytest.mark.parametrize("name", OTHERS)
def test_other_towers_are_not_packed(name):
    assert Towers(OTHERS[name](), CPU, rows=64).packed is None


def test_a_batch_of_usual_captions_is_one_pass():
    tokens = captions(256)[76:]
    towers = Towers(clip(), CPU, rows=256)
    with torch.inference_mode():
        _, passes = packed_embeddings(towers, tokens, rows=256)
    assert passes == 1


def test_what_is_over_goes_to_the_next_pass():
    tokens = captions(200)[:76].flip(0)
    ends = tokens.argmax(dim=-1).numpy()
    passes = list(pack(tokens.numpy(), ends, captions=16, row=77))
    lengths = [int((ends + 1)[each.rows].sum()) for each in passes]
    assert np.concatenate([each.rows for each in passes]).tolist() == list(range(76))
    assert len({len(each.numbers) for each in passes}) == 1
    assert max(lengths) <= 77
    following = [int(ends[each.rows[0]]) + 1 for each in passes[1:]]
    assert all(length + more > 77 for length, more in zip(lengths, following, strict=False))
    assert max(len(each.rows) for each in pack(tokens.numpy(), ends, captions=4, row=77)) == 4


def test_a_caption_s_bits_are_the_same_in_any_company():
    tokens, towers = captions(60), Towers(clip(layers=2, width=64, heads=4), CPU, rows=64)
    with torch.inference_mode():
        together, _ = packed_embeddings(towers, tokens)
        backwards, _ = packed_embeddings(towers, tokens.flip(0))
        alone = [packed_embeddings(towers, tokens[row : row + 1])[0][0] for row in range(0, 60, 7)]
    assert (together == backwards[::-1]).all()
    assert (together[::7] == np.stack(alone)).all()


def test_the_tower_s_own_weights_are_used():
    model = clip()
    tower = PackedTower(model)
    (each,) = pack(captions(3).numpy(), captions(3).argmax(-1).numpy(), captions=3, row=77)
    with torch.inference_mode():
        before = tower(*each.parts())
        model.token_embedding.weight += 1
        assert not torch.equal(tower(*each.parts()), before)
