"""Small models of transformers with random weights, saved to folders as they save themselves."""

import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**SIZES, "image_size": 32, "patch_size": 8}
WORDS = ["<s>", "<pad>", "</s>", "<unk>", "a", "cat", "dog", "on", "sofa", "猫", "eine", "Katze", "photo", "of"]
TEXT = {**SIZES, "vocab_size": len(WORDS), "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
STRETCHED = {"shortest_edge": 32}
IMAGES = {
    "clip": lambda: transformers.CLIPImageProcessor(size=STRETCHED, crop_size=32),
    "squashed": lambda: transformers.CLIPImageProcessor(size={"height": 32, "width": 32}, do_center_crop=False),
    "siglip": lambda: transformers.SiglipImageProcessor(size={"height": 32, "width": 32}),
    "larger": lambda: transformers.CLIPImageProcessor(size={"shortest_edge": 40}, crop_size=32),
    "grid": lambda: transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=24),
}


def _clip(**more):
    text = {**TEXT, "max_position_embeddings": 20, **more}
    return transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=16))


def _chinese():
    text = {**TEXT, "max_position_embeddings": 40, "pad_token_id": 1}
    config = transformers.ChineseCLIPConfig(text_config=text, vision_config=VISION, projection_dim=16)
    return transformers.ChineseCLIPModel(config)


def _alt():
    text = {**TEXT, "max_position_embeddings": 34, "project_dim": 24}
    config = transformers.AltCLIPConfig(text_config=text, vision_config=VISION, projection_dim=16)
    return transformers.AltCLIPModel(config)


def _siglip():
    text = {**TEXT, "max_position_embeddings": 24}
    return transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=VISION))


def _siglip2():
    vision = {**SIZES, "patch_size": 8, "num_patches": 16}
    text = {**TEXT, "max_position_embeddings": 24}
    return transformers.Siglip2Model(transformers.Siglip2Config(text_config=text, vision_config=vision))


# Model, images, longest caption, and whether the tokenizer hides padding.
KINDS = {
    "clip": (_clip, "clip", 20, True),
    "clip of another cut": (_clip, "larger", 20, True),
    "chinese": (_chinese, "squashed", 40, True),
    "alt": (_alt, "clip", 32, True),
    "siglip": (_siglip, "siglip", 24, False),
    "siglip2": (_siglip2, "grid", 24, False),
}


def small_tokenizer(length, has_mask):
    vocabulary = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    vocabulary.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("<s>", 0), ("</s>", 2)]
    vocabulary.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), WORDS, strict=False))
    inputs = ["input_ids", "attention_mask"] if has_mask else ["input_ids"]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=vocabulary, **names, model_input_names=inputs, model_max_length=length
    )


@pytest.fixture(scope="session")
def transformers_folder(tmp_path_factory):
    """Saves a small model of a kind once, and returns its folder."""
    folders = {}

    def saved(kind):
        if kind not in folders:
            make, images, length, has_mask = KINDS[kind]
            folders[kind] = tmp_path_factory.mktemp(kind.replace(" ", "-"))
            torch.manual_seed(3)
            make().save_pretrained(folders[kind])
            small_tokenizer(length, has_mask).save_pretrained(folders[kind])
            IMAGES[images]().save_pretrained(folders[kind])
        return folders[kind]

    return saved
