"""SigLIP as open_clip builds it: an image tower of timm's, a text tower without a mask, a tokenizer of Hugging Face's."""

import io
import json

import numpy as np
import open_clip
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from babelsift.filters.clip import ClipScorer, load_model
from babelsift.schemas import ModelError

CAPTIONS = ["A cat, on a SOFA!", "eine Katze auf dem Sofa", "猫がソファで寝ている", "a dog " * 40]
MODEL = {
    "embed_dim": 32,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {"image_size": 160, "timm_model_name": "test_vit", "timm_model_pretrained": False, "timm_pool": "avg", "timm_proj": "linear"},
}  # fmt: skip
TEXT = {
    "context_length": 16,
    "tokenizer_kwargs": {"clean": "canonicalize"},
    "width": 32,
    "heads": 2,
    "layers": 2,
    "no_causal_mask": True,
    "proj_bias": True,
    "pool_type": "last",
    "norm_kwargs": {"eps": 1e-6},
}


def save_tokenizer(folder):
    """A sentencepiece-like vocabulary; as SigLIP's, it pads with the end of the text."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=80, special_tokens=["<unk>", "</s>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator([caption.lower() for caption in CAPTIONS] * 5, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    names = {"unk_token": "<unk>", "eos_token": "</s>", "pad_token": "</s>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return tokenizer.get_vocab_size()


@pytest.fixture(scope="module")
def siglip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("siglip")
    size = save_tokenizer(folder)
    config = {**MODEL, "text_cfg": {**TEXT, "vocab_size": size, "hf_tokenizer_name": str(folder)}}
    torch.manual_seed(0)
    built = {name: value for name, value in json.loads(json.dumps(config)).items() if name != "custom_text"}
    state = open_clip.CustomTextCLIP(**built).state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, folder / "open_clip_model.safetensors")
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    return folder


def pictures():
    rng = np.random.default_rng(0)
    for width, height in ((90, 160), (200, 50), (160, 160), (40, 300)):
        sink = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(sink, "JPEG")
        yield sink.getvalue()


def test_scores_and_tokens_are_open_clips_own(siglip):
    images = list(pictures())
    scorer = ClipScorer(str(siglip), precision="fp32")
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{siglip}")
    tokens = open_clip.get_tokenizer(f"local-dir:{siglip}")(CAPTIONS)
    assert torch.equal(scorer.model.tokenize(CAPTIONS), tokens)
    assert tokens.shape == (4, 16)
    assert tokens[0].tolist() == open_clip.get_tokenizer(f"local-dir:{siglip}")(["a cat on a sofa"])[0].tolist()
    with torch.inference_mode():
        pixels = torch.stack([preprocess(Image.open(io.BytesIO(image))) for image in images])
        image, text = model.eval().encode_image(pixels, normalize=True), model.encode_text(tokens, normalize=True)
    found = scorer.score(images, CAPTIONS)
    assert found["error"].null_count == 4
    np.testing.assert_allclose(found["similarity"], (image * text).sum(dim=1).numpy(), atol=1e-6)
    assert str(siglip) not in json.dumps(scorer.info)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_low_precision_is_near(siglip, precision):
    images = list(pictures())
    exact = ClipScorer(str(siglip), precision="fp32").score(images, CAPTIONS)["similarity"]
    rough = ClipScorer(str(siglip), precision=precision).score(images, CAPTIONS)["similarity"]
    np.testing.assert_allclose(rough, exact, atol=0.03)


def test_a_tokenizer_that_cannot_be_had_is_a_model_error(siglip, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    config = json.loads((siglip / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "babelsift/no-such-tokenizer"
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    (tmp_path / "open_clip_model.safetensors").symlink_to(siglip / "open_clip_model.safetensors")
    with pytest.raises(ModelError) as caught:
        load_model(str(tmp_path))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("cannot load the tokenizer of CLIP model local-dir:")
    assert ", babelsift/no-such-tokenizer: " in message
    assert message.endswith("or name a folder with its files as hf_tokenizer_name in the model's text_cfg")
