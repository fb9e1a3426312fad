"""Models of transformers score as transformers itself embeds, in the same batches and stores as any other model."""

import io
import shutil

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from babelsift.filters.clip import ClipScorer, load_model
from babelsift.filters.clip.encoder import PairEncoder
from babelsift.schemas import ModelError
from tests.filters.clip.backends.conftest import KINDS
from tests.support.clip_pairs import IMAGES, encoded, picture

CAPTIONS = [
    "a cat on a sofa",
    "eine Katze",
    "a photo of a dog on a sofa " * 9,
    "猫",
    "photo",
    "a dog on a cat on a dog",
    "cat",
    "unknown words alone",
]
PHOTOGRAPHS = [
    *IMAGES,
    encoded(picture(203, 150)),
    encoded(picture(61, 300, seed=7), subsampling="4:2:0"),
    encoded(picture(90, 61, "LA", seed=8), "PNG"),
    encoded(picture(35, 47, seed=9).quantize(8), "PNG", transparency=3),
]
TEXTS = (CAPTIONS * 2)[: len(PHOTOGRAPHS)]


def by_transformers(folder):
    """Embeddings of unit length as transformers makes them, an image at a time."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    length = tokenizer.model_max_length
    texts = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    texts.pop("token_type_ids", None)
    with torch.inference_mode():
        opened = [Image.open(io.BytesIO(image)) for image in PHOTOGRAPHS]
        if not processor.do_convert_rgb:  # it fails over other colours
            opened = [image.convert("RGB") for image in opened]
        images = [model.get_image_features(**processor(images=one, return_tensors="pt")) for one in opened]
        found = torch.cat([features(one) for one in images]), features(model.get_text_features(**texts))
    return [torch.nn.functional.normalize(one, dim=-1).numpy() for one in found]


def features(output):
    return output if isinstance(output, torch.Tensor) else output.pooler_output


def embeddings(scorer):
    """Those of all photographs and texts; none has an error."""
    rows = scorer.score(PHOTOGRAPHS, TEXTS, embeddings=True)
    assert rows["error"].null_count == len(rows)
    return [np.array(rows[name].to_pylist(), np.float32) for name in ("image_embedding", "text_embedding")]


@pytest.mark.parametrize("has_fixed_shapes", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_are_those_of_transformers(transformers_folder, kind, has_fixed_shapes):
    folder = transformers_folder(kind)
    model = load_model(str(folder), precision="fp32")
    scorer = ClipScorer.from_loaded(model, batch_size=5, has_fixed_shapes=has_fixed_shapes)
    for ours, theirs in zip(embeddings(scorer), by_transformers(folder), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=6e-4)  # what float16 keeps
    assert str(folder) not in str(model.info)
    assert model.info["model"] == f"transformers:{transformers.AutoConfig.from_pretrained(folder).model_type}"


@pytest.mark.parametrize(
    ("kind", "is_ours"), [("clip", True), ("chinese", True), ("siglip", True), ("clip of another cut", False)]
)
def test_a_resize_of_ours_stands_in_where_it_gives_the_same(transformers_folder, kind, is_ours):
    model = load_model(str(transformers_folder(kind)), precision="fp32")
    assert (model.preprocess.transforms[0].geometry is not None) == is_ours


def test_captions_are_cut_behind_their_last_token_where_padding_is_hidden(transformers_folder):
    lengths = {}
    for kind in ("chinese", "siglip"):
        model = load_model(str(transformers_folder(kind)), precision="fp32")
        seen = lengths[kind] = set()
        inner = model.module.model.get_text_features
        model.module.model.get_text_features = lambda input_ids, inner=inner, seen=seen, **more: (
            seen.add(input_ids.shape[1]) or inner(input_ids=input_ids, **more)
        )
        PairEncoder(model, rows=8).embed_texts(CAPTIONS)
    assert lengths == {"chinese": {12, 40}, "siglip": {24}}


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("kind", ["clip", "siglip2"])
def test_lower_precision_is_near(transformers_folder, kind, precision):
    folder = str(transformers_folder(kind))
    whole, narrow = (
        embeddings(ClipScorer.from_loaded(load_model(folder, precision=each), batch_size=8))
        for each in ("fp32", precision)
    )
    for ours, expected in zip(narrow, whole, strict=True):
        np.testing.assert_allclose(ours, expected, atol=0.05)
        assert not np.array_equal(ours, expected)


def test_a_prefix_or_the_folder_alone_name_the_same_model(transformers_folder, tmp_path):
    folder = transformers_folder("clip")
    shutil.copytree(folder, tmp_path / "moved")
    names = [str(folder), f"transformers:{folder}", f"local-dir:{tmp_path / 'moved'}"]
    assert len({load_model(name, precision="fp32").fingerprint for name in names}) == 1
    assert load_model(str(transformers_folder("clip of another cut"))).fingerprint != load_model(names[0]).fingerprint


def damaged(folder, tmp_path, harm):
    shutil.copytree(folder, tmp_path / "model")
    harm(tmp_path / "model")
    return str(tmp_path / "model")


def without_a_weight(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["logit_scale"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "no file named model.safetensors"),
        (lambda folder: (folder / "config.json").write_text("{"), "is no model folder: config.json"),
        (lambda folder: (folder / "config.json").write_text("{}"), "has no model_type"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "tokenizer and its image processor"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 99), "cannot load model"),
        (without_a_weight, "logit_scale is missing from its weights"),
        (
            lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'),
            "has no get_image_features",
        ),
        (
            lambda folder: (folder / "config.json").write_text(
                '{"model_type": "x", "auto_map": {"AutoConfig": "a.B"}}'
            ),
            "which is run only where the model has `remote_code: true`",
        ),
    ],
)
def test_damaged_folders(transformers_folder, tmp_path, harm, expected):
    with pytest.raises(ModelError) as failed:
        load_model(damaged(transformers_folder("clip"), tmp_path, harm))
    assert expected in str(failed.value)
    assert "\n" not in str(failed.value)


def test_wrong_names(transformers_folder):
    with pytest.raises(ModelError, match="no model '/no/such': it is no folder here"):
        load_model("transformers:/no/such")
    with pytest.raises(ModelError, match="brings its own weights; remove pretrained"):
        load_model(str(transformers_folder("clip")), "openai")
