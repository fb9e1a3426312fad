"""A model that brings code of its own, as jina-clip does: run only by those who ask for it."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from babelsift.filters.clip import ClipScorer, load_model
from babelsift.schemas import ModelError
from tests.filters.clip.backends.conftest import WORDS, small_tokenizer
from tests.support.clip_pairs import CAPTIONS, encoded, picture

CONFIGURATION = """
from transformers import PretrainedConfig

class OwnConfig(PretrainedConfig):
    model_type = "own_clip"

    def __init__(self, width=16, **more):
        super().__init__(**more)
        self.width = width
"""
MODEL = """
import torch
from transformers import PreTrainedModel
from .configuration_own import OwnConfig

class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.image = torch.nn.Linear(3 * 32 * 32, config.width)
        self.words = torch.nn.Embedding(WORDS, config.width)
        self.post_init()

    def get_image_features(self, pixel_values=None, **_):
        return self.image(pixel_values.flatten(1))

    def get_text_features(self, input_ids=None, attention_mask=None, **_):
        counts = attention_mask[..., None].to(self.words.weight.dtype)
        return (self.words(input_ids) * counts).sum(1) / counts.sum(1)
"""
PROCESSOR = """
import numpy as np
from transformers.image_processing_utils import BaseImageProcessor, BatchFeature

class OwnProcessor(BaseImageProcessor):
    model_input_names = ["pixel_values"]

    def __init__(self, size=32, mean=0.0, std=1.0, **more):
        super().__init__(**more)
        self.size, self.mean, self.std = size, mean, std

    def preprocess(self, images, return_tensors=None, **_):
        levels = np.asarray(images.resize((self.size, self.size))).transpose(2, 0, 1) / 255
        values = (levels - np.reshape(self.mean, (3, 1, 1))) / np.reshape(self.std, (3, 1, 1))
        return BatchFeature({"pixel_values": [values.astype(np.float32)]}, tensor_type=return_tensors)
"""
MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = tmp_path / "own"
    folder.mkdir()
    codes = {"configuration_own": CONFIGURATION, "modeling_own": MODEL, "image_processing_own": PROCESSOR}
    for name, code in codes.items():
        (folder / f"{name}.py").write_text(code.replace("WORDS", str(len(WORDS))))
    classes = {"AutoConfig": "configuration_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"}
    (folder / "config.json").write_text(json.dumps({"model_type": "own_clip", "width": 16, "auto_map": classes}))
    preparation = {"auto_map": {"AutoImageProcessor": "image_processing_own.OwnProcessor"}, "size": 32}
    (folder / "preprocessor_config.json").write_text(json.dumps({**preparation, "mean": MEAN, "std": STD}))
    small_tokenizer(24, has_mask=True).save_pretrained(folder)
    torch.manual_seed(1)
    shapes = {"image.weight": (16, 3072), "image.bias": (16,), "words.weight": (len(WORDS), 16)}
    weights = {name: torch.randn(shape) for name, shape in shapes.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_code_is_run_by_those_who_ask_for_it_alone(folder):
    with pytest.raises(ModelError, match="run only where the model has `remote_code: true`"):
        load_model(str(folder), precision="fp32")
    model = load_model(str(folder), precision="fp32", remote_code=True)
    image = picture(64, 48)
    found = ClipScorer.from_loaded(model, batch_size=4).score(
        [encoded(image, "PNG")] * 2, CAPTIONS[:2], embeddings=True
    )
    levels = np.asarray(image.resize((32, 32)), np.float64) / 255
    values = torch.tensor((levels - MEAN) / STD, dtype=torch.float32).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(model.module.model.image(values.flatten(1)), dim=-1)[0]
    np.testing.assert_allclose(found["image_embedding"][0].as_py(), expected, atol=1e-3)


def test_other_code_is_another_model(folder):
    before = load_model(str(folder), precision="fp32", remote_code=True).fingerprint
    with (folder / "modeling_own.py").open("a") as file:
        file.write("\n# changed\n")
    assert load_model(str(folder), precision="fp32", remote_code=True).fingerprint != before
