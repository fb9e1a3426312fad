"""Sequence classifiers of a few hundred weights, drawn at random, as folders that transformers loads."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a dog cat in the park on sofa ein hund wiese".split()  # noqa: SIM905

_TINY = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 40,
    "initializer_range": 1.0,
}


def write_tokenizer(folder: Path) -> None:
    """Writes BERT's tokenizer of a few words."""
    from transformers import BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=40).save_pretrained(folder)


def write_classifier(folder: Path, labels: list[str], *, seed: int = 0, **config: object) -> str:
    """Writes a BERT that tells labels apart; returns its folder."""
    from transformers import BertConfig, BertForSequenceClassification

    write_tokenizer(folder)
    torch.manual_seed(seed)
    names = {"id2label": dict(enumerate(labels)), "label2id": {label: number for number, label in enumerate(labels)}}
    settings = BertConfig(**{**_TINY, **names, **config})
    BertForSequenceClassification(settings).save_pretrained(folder)
    return str(folder)


def write_multi_head(folder: Path, heads: int, classes: int = 4) -> str:
    """Writes a transformer with several linear heads on its first token, as Celadon is stored; returns its folder."""
    from transformers import BertConfig, BertModel

    write_tokenizer(folder)
    torch.manual_seed(1)
    config = BertConfig(**_TINY)
    weights = {f"bert.{name}": tensor.contiguous() for name, tensor in BertModel(config).state_dict().items()}
    for number in range(heads):
        weights |= {f"heads.{number}.weight": torch.randn(classes, 16), f"heads.{number}.bias": torch.zeros(classes)}
    save_file(weights, folder / "model.safetensors")
    settings = {**config.to_dict(), "architectures": ["MultiHeadBertForSequenceClassification"], "model_type": "bert"}
    (folder / "config.json").write_text(json.dumps(settings))
    return str(folder)
