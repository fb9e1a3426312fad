import json
from importlib import resources

import numpy as np
import open_clip
import pytest
import torch

from babelsift.pipelines.demo.clip_auc import auc, held_out_pairs
from babelsift.pipelines.demo.train_clip import CONFIG, encode_by_length, make_training_set, save, train
from babelsift.pipelines.recipes.presets import load_recipe

pytestmark = pytest.mark.xdist_group("demo_clip")  # its tests share what a fixture makes

FOLDER = resources.files("babelsift.pipelines.demo") / "clip"


@pytest.fixture(scope="module")
def scores():
    return held_out_pairs(FOLDER, seed=999, pairs=306)


def test_the_shipped_model_tells_true_captions_from_others(scores):
    assert auc(scores.matched, scores.mismatched) >= 0.97


def test_it_does_so_in_every_language(scores):
    for code in set(scores.languages):
        ours = scores.languages == code
        assert auc(scores.matched[ours], scores.mismatched) >= 0.95, code


@pytest.mark.slow
def test_the_recipes_threshold_lies_between_the_two(scores):
    threshold = load_recipe("demo").select.min_similarity
    assert (scores.matched >= threshold).mean() >= 0.95
    assert (scores.mismatched[scores.unlike] < threshold).mean() >= 0.95


def test_the_folder_is_small_and_says_what_it_is():
    weights = FOLDER / "open_clip_model.safetensors"
    assert weights.stat().st_size < 15e6
    assert json.loads((FOLDER / "open_clip_config.json").read_text()) == CONFIG
    assert "not for real use" in CONFIG["description"]
    assert "not for real use" in (FOLDER / "README.md").read_text()


def test_auc_counts_ties_by_half():
    assert auc(np.array([2.0, 1.0]), np.array([0.0, 1.0])) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert auc(np.array([0.0]), np.array([1.0])) == 0.0


@pytest.fixture(scope="module")
def trained():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in another order are not the same sums
    data = make_training_set(seed=3, scenes=12, captions_per_scene=4)
    yield data, train(data, steps=12, batch_size=12, learning_rate=2e-3, seed=3)
    torch.set_num_threads(threads)


def test_training_is_repeatable_and_trains(trained):
    data, model = trained
    again = train(data, steps=12, batch_size=12, learning_rate=2e-3, seed=3)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
    other = train(data, steps=12, batch_size=12, learning_rate=2e-3, seed=4)
    assert not torch.equal(model.text_projection, other.text_projection)


def test_only_tokens_that_occur_have_embeddings(trained):
    data, model = trained
    used = torch.zeros(49408, dtype=torch.bool)
    used[data.tokens.unique()] = True
    assert torch.equal(model.token_embedding.weight.abs().sum(dim=1) > 0, used)


def test_shortened_captions_are_encoded_as_whole_ones(trained):
    data, model = trained
    tokens = data.tokens[:, 0]
    with torch.inference_mode():
        torch.testing.assert_close(
            encode_by_length(model, tokens, end=49407), model.encode_text(tokens), rtol=1e-4, atol=1e-5
        )


def test_a_saved_model_is_an_open_clip_folder(trained, tmp_path):
    _, model = trained
    save(model, tmp_path / "clip")
    loaded, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'clip'}")
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], weight, rtol=1e-3, atol=1e-4)
    assert "BICUBIC" in str(preprocess).upper()
    assert open_clip.get_tokenizer(f"local-dir:{tmp_path / 'clip'}")("ein Kreis").shape == (1, 96)
