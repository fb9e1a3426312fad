"""The example's matching by BLIP, on a small model with random weights that BLIP's own classes write and load."""

import io
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import transformers
from PIL import Image

from babelsift.pipelines.stages.columns.calls.call_maker import CallMaker
from babelsift.schemas.recipe import Column
from tests.support.tiny_classifiers import WORDS, write_tokenizer

EXAMPLE = Path(__file__).parents[4] / "examples" / "own_filters"
SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
CAPTIONS = ["a dog in the park", "ein hund", "a cat on the sofa"]


@pytest.fixture(scope="module")
def blip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blip")
    write_tokenizer(folder)
    text = {**SIZES, "vocab_size": len(WORDS), "encoder_hidden_size": 32, "max_position_embeddings": 40}
    text |= {"pad_token_id": 0, "bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3, "initializer_range": 1.0}
    vision = {**SIZES, "image_size": 32, "patch_size": 8, "initializer_range": 1.0}
    torch.manual_seed(2)
    config = transformers.BlipConfig(text_config=text, vision_config=vision, image_text_hidden_size=16)
    transformers.BlipForImageTextRetrieval(config).save_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    images = transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    transformers.BlipProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def images():
    draw = np.random.default_rng(4)
    for number in range(3):
        image = io.BytesIO()
        Image.fromarray(draw.integers(0, 256, (40 + number, 50, 3), np.uint8)).save(image, "PNG")
        yield image.getvalue()


@pytest.mark.slow
def test_matching_is_what_blip_itself_says_of_each_pair(blip, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(EXAMPLE), *sys.path])
    call = {"call": "own_filters.matching:matches", "setup": "own_filters.matching:load"}
    settings = {"options": {"model": str(blip)}, "batch_size": 2}
    maker = CallMaker(Column(name="matching", of="pair", by="call", **call, **settings))
    try:
        found = maker.make(list(images()), pa.array(CAPTIONS)).column(0).to_pylist()
    finally:
        maker.close()
    model = transformers.BlipForImageTextRetrieval.from_pretrained(blip).eval()
    processor = transformers.BlipProcessor.from_pretrained(blip)
    for image, caption, value in zip(images(), CAPTIONS, found, strict=True):
        inputs = processor(Image.open(io.BytesIO(image)), caption, return_tensors="pt")
        with torch.inference_mode():
            expected = model(**inputs, use_itm_head=True).itm_score.softmax(dim=1)[0, 1]
        assert value == pytest.approx(float(expected), abs=1e-5)
    assert len({round(value, 4) for value in found}) == 3
