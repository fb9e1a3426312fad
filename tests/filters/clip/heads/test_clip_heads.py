import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from babelsift.filters.clip import load_head, shipped_prompts
from babelsift.filters.clip.heads.embedding_heads import LayersHead, PromptsHead
from babelsift.schemas import ModelError, RecipeError
from babelsift.schemas.recipe import Head, HeadLayers, HeadPrompts
from babelsift.schemas.recipe.groups.settings import EntryList

EMBEDDINGS = torch.nn.functional.normalize(torch.randn(50, 8, generator=torch.Generator().manual_seed(0)), dim=-1)


def saved(path, state):
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return str(path)


def mlp(activation):
    torch.manual_seed(1)
    layers = [torch.nn.Linear(8, 6), torch.nn.Dropout(0.2), activation, torch.nn.Linear(6, 12), activation]
    return torch.nn.Sequential(*layers, torch.nn.Linear(12, 3)).eval()


@pytest.mark.parametrize(
    ("activation", "module"), [("none", torch.nn.Identity()), ("relu", torch.nn.ReLU()), ("gelu", torch.nn.GELU())]
)
@pytest.mark.parametrize("prefix", ["", "layers."])
def test_layers_score_as_torch_does(tmp_path, activation, module, prefix):
    network = mlp(module)
    file = saved(tmp_path / "mlp.safetensors", {prefix + name: value for name, value in network.state_dict().items()})
    head = LayersHead(HeadLayers(file=file, activation=activation, output="softmax", output_index=2))
    expected = network(EMBEDDINGS).softmax(dim=-1)[:, 2].detach().numpy()
    found = head.score(EMBEDDINGS.numpy())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 8), (8,)])
def test_one_linear_layer_as_laions_aesthetic_predictor(tmp_path, shape):
    weight, bias = torch.randn(shape, generator=torch.Generator().manual_seed(2)), torch.tensor([5.0])
    head = LayersHead(HeadLayers(file=saved(tmp_path / "a.safetensors", {"weight": weight, "bias": bias})))
    np.testing.assert_allclose(head.score(EMBEDDINGS.numpy()), EMBEDDINGS @ weight.reshape(-1) + 5, atol=1e-5)


def test_normalized_input_and_sigmoid(tmp_path):
    state = {"weight": torch.ones(1, 8) * 400, "mean": torch.full((8,), 0.1), "std": torch.full((8,), 2.0)}
    head = LayersHead(HeadLayers(file=saved(tmp_path / "n.safetensors", state), output="sigmoid"))
    expected = torch.sigmoid((EMBEDDINGS - 0.1).sum(dim=1) * 200)
    np.testing.assert_allclose(head.score(EMBEDDINGS.numpy()), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"weight": torch.ones(1, 7)}, "is for embeddings of 7, the model's are of 8; name the model"),
        ({"0.weight": torch.ones(4, 8), "1.weight": torch.ones(1, 5)}, "its layers do not follow one another"),
        ({"0.weight": torch.ones(4, 8), "0.bias": torch.ones(3)}, "its layers do not follow one another"),
        ({"conv": torch.ones(4, 8)}, "holds ['conv']; linear layers are <n>.weight"),
        ({"weight": torch.ones(1, 8), "running_mean": torch.ones(8)}, "linear layers are <n>.weight"),
        ({"weight": torch.full((1, 8), torch.nan)}, "gives no number for 50 of 50 images"),
        ({"weight": torch.ones(1, 8, dtype=torch.bfloat16)}, "is not a safetensors file of float32 or float16 tensors"),
    ],
)
def test_layers_that_do_not_fit(tmp_path, state, expected):
    file = saved(tmp_path / "bad.safetensors", state)
    with pytest.raises(ModelError) as caught:
        LayersHead(HeadLayers(file=file)).score(EMBEDDINGS.numpy())
    assert str(caught.value).startswith(f"head {file}")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_heads(tmp_path):
    (tmp_path / "notes.txt").write_text("not tensors")
    with pytest.raises(ModelError, match=r"head .*notes.txt: is not a safetensors file"):
        LayersHead(HeadLayers(file=str(tmp_path / "notes.txt")))
    with pytest.raises(ModelError, match=r"head .*none.safetensors: cannot be read: .*; name a safetensors file"):
        LayersHead(HeadLayers(file=str(tmp_path / "none.safetensors")))
    file = saved(tmp_path / "one.safetensors", {"weight": torch.ones(1, 8)})
    with pytest.raises(ModelError, match="has no output 1, it has 1"):
        LayersHead(HeadLayers(file=file, output_index=1))


def test_a_fingerprint_follows_content_and_settings_not_the_place(tmp_path):
    first = HeadLayers(file=saved(tmp_path / "a.safetensors", {"weight": torch.ones(1, 8)}))
    moved = HeadLayers(file=saved(tmp_path / "b.safetensors", {"weight": torch.ones(1, 8)}))
    other = HeadLayers(file=saved(tmp_path / "c.safetensors", {"weight": torch.zeros(1, 8)}))
    sigmoid = first.model_copy(update={"output": "sigmoid"})
    prints = [LayersHead(one).fingerprint for one in (first, moved, other, sigmoid)]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3
    prompts = [prompts_head(positive=["a"]), prompts_head(positive=["b"]), prompts_head(positive=["a"], nearest=1)]
    assert len({head.fingerprint for head in prompts}) == 3


def embed(texts):
    """Each text along the axis that its length names."""
    return np.eye(8, dtype=np.float32)[[len(text) % 8 for text in texts]]


def prompts_head(positive=("a",), negative=("bb", "ccc"), **settings):
    lists = {"positive": EntryList(entries=tuple(positive)), "negative": EntryList(entries=tuple(negative))}
    return PromptsHead(HeadPrompts(**lists, **settings), embed)


@given(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3))
def test_a_zero_shot_score_is_the_share_of_the_softmax(cosines):
    row = np.zeros((1, 8), np.float32)
    row[0, 1:4] = cosines
    powers = [math.exp(10 * cosine) for cosine in cosines]
    assert prompts_head(scale=10.0).score(row)[0] == pytest.approx(powers[0] / sum(powers), abs=1e-5)


def test_the_share_of_the_nearest_texts():
    head = prompts_head(positive=["a", "dddd"], nearest=2)
    rows = np.zeros((3, 8), np.float32)
    rows[0, [1, 4]], rows[1, [1, 2]], rows[2, [2, 3]] = 1, 1, 1
    assert head.score(rows).tolist() == [1, 0.5, 0]
    with pytest.raises(RecipeError, match="prompts: nearest is 9, but there are 3 texts"):
        prompts_head(nearest=9)


def test_texts_from_a_file(tmp_path):
    (tmp_path / "dogs.txt").write_text("a\n# a comment\ndddd\n")
    lists = {"positive": {"files": [str(tmp_path / "dogs.txt")]}, "negative": ["bb"]}
    head = Head.model_validate({"name": "dogs", "prompts": lists}, strict=False)
    asked = []
    load_head(head, embed_texts=lambda texts: asked.extend(texts) or embed(texts))
    assert asked == ["a", "dddd", "bb"]
    missing = Head.model_validate(
        {"name": "dogs", "prompts": {"positive": "none.txt", "negative": ["b"]}}, strict=False
    )
    with pytest.raises(RecipeError, match=r"heads.dogs.prompts.*none.txt"):
        load_head(missing, embed_texts=embed)


def test_laion400ms_categories():
    prompts = shipped_prompts("laion400m-nsfw")
    assert (len(prompts.negative.entries), len(prompts.positive.entries), prompts.nearest) == (19, 16, 2)
    assert prompts.negative.entries[0] == "neutral"
    assert prompts.negative.entries[18].startswith("porn, sex, sperm, nipples, breats")
    asked = []
    head = Head.model_validate({"name": "nsfw", "prompts": "laion400m-nsfw"}, strict=False)
    load_head(head, embed_texts=lambda texts: asked.extend(texts) or embed(texts))
    assert asked == [*prompts.positive.entries, *prompts.negative.entries]


def test_a_classifier_takes_no_embeddings():
    with pytest.raises(ValueError, match="head 'nsfw' takes images, not embeddings"):
        load_head(Head(name="nsfw", classifier="opennsfw"), embed_texts=embed)
