import copy
import json
from types import SimpleNamespace

import open_clip
import pytest
import torch

from filters.clip import devices
from filters.clip.devices import devices_for, resolve_precision
from filters.clip.towers import Towers, _causal_tower

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
VISION = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
CAPTIONS = [
    "a cat",
    "a long caption of a dog " * 3,
    "word " * 40,
    "word " * 200,
    "!",
    "",
    "a cat",
    "猫がソファで寝ている",
]


def clip(kind=open_clip.CLIP, **text):
    torch.manual_seed(1)
    return kind(**json.loads(json.dumps({"embed_dim": 16, "vision_cfg": VISION, "text_cfg": {**TEXT, **text}}))).eval()


MODELS = {
    "openai": lambda: clip(),
    "custom": lambda: clip(open_clip.CustomTextCLIP),
    "end of text by its number": lambda: clip(open_clip.CustomTextCLIP, pool_type="eos", eos_id=49407),
    "coca's class token": lambda: clip(open_clip.CustomTextCLIP, embed_cls=True, output_tokens=False),
    "siglip": lambda: clip(open_clip.CustomTextCLIP, no_causal_mask=True, pool_type="last"),
    "first token": lambda: clip(open_clip.CustomTextCLIP, pool_type="first"),
}
SHORTENED = {"openai", "custom", "end of text by its number"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", MODELS)
def test_shortened_captions_have_the_embeddings_of_whole_ones(name, dtype):
    model = MODELS[name]().to(dtype)
    tokens = open_clip.get_tokenizer("ViT-B-32")(CAPTIONS)
    with torch.inference_mode():
        whole = torch.nn.functional.normalize(model.encode_text(tokens).float(), dim=-1).numpy()
    bound = 1e-6 if dtype == torch.float32 else 1e-2
    assert abs(Towers(model, torch.device("cpu"), rows=64).encode_texts(tokens) - whole).max() < bound
    assert (_causal_tower(model) is not None) == (name in SHORTENED)


def test_only_as_much_of_a_caption_is_encoded_as_counts(monkeypatch):
    model, seen = MODELS["openai"](), []
    forward = model.transformer.forward
    model.transformer.forward = lambda x, **rest: seen.append(tuple(x.shape[:2])) or forward(x, **rest)
    Towers(model, torch.device("cpu"), rows=64).encode_texts(open_clip.get_tokenizer("ViT-B-32")(CAPTIONS))
    assert seen == [(16, 16), (16, 24), (16, 48), (16, 77)]


def test_a_caption_has_the_same_embedding_in_any_company():
    model = clip(layers=2, width=64, heads=4)
    captions = [" ".join(["word"] * (n % 60)) + f" {n}" for n in range(60)]
    tokens = open_clip.get_tokenizer("ViT-B-32")(captions)
    towers = Towers(model, torch.device("cpu"), rows=64)
    together = towers.encode_texts(tokens)
    assert all((towers.encode_texts(tokens[n : n + 1])[0] == together[n]).all() for n in range(0, 60, 7))


def test_the_model_itself_is_not_changed():
    model = MODELS["openai"]()
    before = copy.deepcopy(model.state_dict())
    Towers(model, torch.device("cpu"), rows=64).encode_texts(open_clip.get_tokenizer("ViT-B-32")(["a cat"]))
    assert model.positional_embedding.shape[0] == 77
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_all_gpus_are_taken(monkeypatch):
    assert devices_for("cpu") == [torch.device("cpu")]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert devices_for(None) == [torch.device("cuda", number) for number in range(3)]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert devices_for(None) == [torch.device("cpu")]


@pytest.mark.parametrize(
    ("device", "native", "expected"),
    [
        ("cuda", True, "bf16"),
        ("cuda", False, "fp16"),
        ("cpu", True, "bf16"),
        ("cpu", False, "fp32"),
        ("mps", True, "fp32"),
    ],
)
def test_the_precision_that_auto_stands_for(monkeypatch, device, native, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native)
    monkeypatch.setattr(devices, "_cpu_has_bf16", lambda: native)
    assert resolve_precision("auto", SimpleNamespace(type=device)) == expected
    assert resolve_precision("fp32", SimpleNamespace(type=device)) == "fp32"
