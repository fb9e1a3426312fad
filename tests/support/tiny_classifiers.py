"""Sequence classifiers of a few hundred weights, drawn at random, as folders that transformers loads."""

from __future__ import annotations

import io
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


_CELADON = {
    "vocab_size": 64,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "relative_attention": True,
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
    "initializer_range": 1.0,
}


def write_celadon(folder: Path) -> str:
    """Writes a DeBERTa-v2 with five heads of four classes, its files named and laid out as Celadon's; its folder."""
    import sentencepiece
    from transformers import DebertaV2Config, DebertaV2Model

    folder.mkdir(parents=True)
    ends = {"pad": "[PAD]", "bos": "[CLS]", "eos": "[SEP]", "unk": "[UNK]"}
    numbers = {f"{name}_id": number for number, name in enumerate(ends)}
    pieces = {f"{name}_piece": piece for name, piece in ends.items()}
    vocabulary = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(WORDS[5:]), *WORDS[5:]] * 20),
        model_writer=vocabulary,
        vocab_size=30,
        minloglevel=2,
        **numbers,
        **pieces,
    )
    (folder / "spm.model").write_bytes(vocabulary.getvalue())
    named = {
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "mask_token": "[MASK]",
    }
    settings = {"tokenizer_class": "DebertaV2Tokenizer", "model_max_length": int(1e30), "vocab_type": "spm", **named}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "added_tokens.json").write_text(json.dumps({"[MASK]": 30}))
    torch.manual_seed(0)
    config = DebertaV2Config(**_CELADON)
    weights = {f"deberta.{name}": tensor.contiguous() for name, tensor in DebertaV2Model(config).state_dict().items()}
    for number in range(5):
        weights |= {f"heads.{number}.weight": torch.randn(4, 16), f"heads.{number}.bias": torch.zeros(4)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    described = {**config.to_dict(), "architectures": ["MultiHeadDebertaForSequenceClassification"]}
    (folder / "config.json").write_text(json.dumps(described))
    return str(folder)
