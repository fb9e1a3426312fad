"""Any sequence classifier of Hugging Face's transformers as a column, by name or folder; needs its extra.

A text's value does not depend on the texts beside it: passes are of a few shapes, by the text's own length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from babelsift.filters.columns.maker import ERROR, TYPES, fingerprint_of
from babelsift.filters.model_files import model_digest, model_folder, read_config
from babelsift.schemas import ModelError, one_line
from babelsift.schemas.suggestions import did_you_mean

_MULTI_LABEL = "multi_label_classification"
_MOST_TOKENS = 512
_TOTAL = "total"  # beside several heads: the sum of their classes
_CPU_BATCH = 32  # a larger one is no faster there, and the last of a shape is filled up
_LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, _MOST_TOKENS)  # tokens that passes are padded to


class SequenceClassifier:
    """A transformer that tells texts apart; see `ColumnMaker`.

    Args:
        model: a folder, or organisation/name on the hub.
        label: the value is its probability; None: as `labels` says.
        labels: "best": the most probable label as a string, and its probability as `score`; "all": a probability each.
            A model of one label gives its number as it is.
        heads: of a model of several linear heads on one transformer (`heads.<n>.weight`), their names in order: the
            value of each is the number of its most probable class, and `total` their sum.
        batch_size: texts of a pass on a GPU; fewer on a CPU.
        device: None: a GPU where there is one.
        column: its name, for errors.

    Raises:
        ModelError: there is no such model, it is no classifier, or it has no such label.
    """

    takes_pixels = False

    def __init__(
        self,
        model: str,
        *,
        label: str | None = None,
        labels: Literal["best", "all"] = "best",
        heads: Sequence[str] = (),
        batch_size: int = 256,
        device: str | None = None,
        column: str = "column",
    ) -> None:
        self._where, self._column = f"column {column!r}: {model}", column
        self._folder = model_folder(model)
        config = read_config(self._folder)
        self._labels = _labels_in(config)
        self._heads, self._batch_size, self._device = tuple(heads), batch_size, device
        self._is_multi_label = config.get("problem_type") == _MULTI_LABEL
        if label is not None and label not in self._labels:
            hint = did_you_mean(label, self._labels, otherwise=f"there are {', '.join(self._labels[:20])}")
            raise ModelError(f"{self._where} has no label {label!r}; {hint}")
        self._wanted = [label] if label is not None else self._labels
        self._is_best = label is None and labels == "best" and len(self._labels) > 1 and not heads
        self.fields = self._fields(label)
        self.info: Mapping[str, Any] = {
            "kind": "transformers",
            "model_digest": model_digest(self._folder),
            "label": label,
            "labels": None if label or heads else labels,
            "heads": [*heads, _TOTAL] if heads else [],
        }
        self.fingerprint = fingerprint_of(self.info)
        self._network: Any = None

    def load(self) -> None:
        """Loads network and tokenizer, once a process.

        Raises:
            ModelError: torch or transformers is not installed, or the weights are not a classifier's.
        """
        if self._network is not None:
            return
        torch, transformers = _imported(self._where)
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
            network = self._multi_head(torch, transformers) if self._heads else self._plain(transformers)
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            raise ModelError(f"{self._where} cannot be loaded: {one_line(error)}{_remedy(self._folder)}") from error
        self._torch = torch
        self._on = torch.device(self._device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._network = network.float().eval().to(self._on)
        self._most = min(_MOST_TOKENS, self._tokenizer.model_max_length, _positions(network.config))

    def close(self) -> None:
        """Lets go of the network."""
        self._network = None

    def make(self, *things: Any) -> pa.RecordBatch:
        """See `ColumnMaker`; longer texts are cut where the model's end."""
        self.load()
        texts = things[0].to_pylist()
        logits = self._logits(texts)
        schema = pa.schema([*self.fields, pa.field(ERROR, pa.string())])
        columns = [*self._columns(logits), pa.nulls(len(texts), pa.string())]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _fields(self, label: str | None) -> tuple[pa.Field, ...]:
        if self._heads:
            return tuple(pa.field(name, TYPES["integer"]) for name in (*self._heads, _TOTAL))
        if self._is_best:
            return pa.field("", TYPES["string"]), pa.field("score", TYPES["float"])
        if label is not None or len(self._labels) == 1:
            return (pa.field("", TYPES["float"]),)
        return tuple(pa.field(re.sub(r"\W+", "_", name), TYPES["float"]) for name in self._labels)

    def _columns(self, logits: np.ndarray) -> list[pa.Array]:
        """The fields' columns: logits are float32[n, labels], of several heads float32[n, heads, classes]."""
        if not np.isfinite(logits).all():
            raise ModelError(f"{self._where} gives no number for some texts; fetch it again")
        if self._heads:
            classes = logits.argmax(axis=2)
            return [pa.array(one, TYPES["integer"]) for one in (*classes.T, classes.sum(axis=1))]
        if len(self._labels) == 1:
            return [pa.array(logits[:, 0], TYPES["float"])]
        shares = 1 / (1 + np.exp(-logits)) if self._is_multi_label else _softmax(logits)
        if self._is_best:
            best = shares.argmax(axis=1)
            names = pa.array([self._labels[number] for number in best.tolist()], TYPES["string"])
            return [names, pa.array(shares[np.arange(len(best)), best], TYPES["float"])]
        return [pa.array(shares[:, self._labels.index(name)], TYPES["float"]) for name in self._wanted]

    def _logits(self, texts: list[str]) -> np.ndarray:
        tokens = self._tokenizer(texts, truncation=True, max_length=self._most)
        names = [name for name in self._tokenizer.model_input_names if name in tokens]
        lengths = np.array([len(ids) for ids in tokens["input_ids"]])
        rows_of_pass = self._batch_size if self._on.type == "cuda" else min(self._batch_size, _CPU_BATCH)
        found: np.ndarray | None = None
        for length, rows in _passes(lengths, self._most, rows_of_pass):
            inputs = {
                name: self._padded([tokens[name][row] for row in rows], name, (rows_of_pass, length)) for name in names
            }
            with self._torch.inference_mode():
                logits = self._network(**inputs).logits[: len(rows)].float().cpu().numpy()
            if found is None:
                found = np.zeros((len(texts), *logits.shape[1:]), np.float32)
            found[rows] = logits
        assert found is not None
        return found

    def _padded(self, values: list[list[int]], name: str, shape: tuple[int, int]) -> Any:
        """int64[shape]; rows that fill a pass up repeat the first text."""
        padding = self._tokenizer.pad_token_id or 0 if name == "input_ids" else 0
        padded = np.full(shape, padding, np.int64)
        for row in range(shape[0]):
            ids = values[row] if row < len(values) else values[0]
            padded[row, : len(ids)] = ids
        return self._torch.from_numpy(padded).to(self._on)

    def _plain(self, transformers: Any) -> Any:
        load = transformers.AutoModelForSequenceClassification.from_pretrained
        network, said = load(self._folder, local_files_only=True, output_loading_info=True)
        # transformers only warns of layers that the file lacks, and draws them at random.
        if missing := sorted(said["missing_keys"]):
            raise ModelError(
                f"{self._where} is no classifier: {missing[0]} is missing from its weights; name one that was trained, "
                "or its `heads` where it has several"
            )
        return network

    def _multi_head(self, torch: Any, transformers: Any) -> Any:
        config = transformers.AutoConfig.from_pretrained(self._folder, local_files_only=True)
        backbone = transformers.AutoModel.from_config(config)
        weights = _weights_in(self._folder, torch)
        found = sorted({int(match[1]) for name in weights if (match := re.fullmatch(r"heads\.(\d+)\.weight", name))})
        if len(found) != len(self._heads):
            raise ModelError(f"{self._where} has {len(found)} heads, {len(self._heads)} are named: {list(self._heads)}")
        prefix = f"{backbone.base_model_prefix}."
        own = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
        missing = backbone.load_state_dict(own, strict=False).missing_keys
        missing = [name for name in missing if not name.endswith("position_ids")]
        if missing:
            raise ModelError(f"{self._where} lacks {missing[0]} in its weights; fetch it again")
        return _multi_head_network(torch, backbone, config, [_linear(torch, weights, number) for number in found])


def _multi_head_network(torch: Any, backbone: Any, config: Any, heads: list[Any]) -> Any:
    """A transformer with several linear heads on its first token, whose output has `logits` [n, heads, classes]."""

    class MultiHead(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.heads, self.config = backbone, torch.nn.ModuleList(heads), config

        def forward(self, **inputs: Any) -> Any:
            first = self.backbone(**inputs).last_hidden_state[:, 0]
            logits = torch.stack([head(first) for head in self.heads], dim=1)
            return _Logits(logits)

    return MultiHead()


class _Logits:
    def __init__(self, logits: Any) -> None:
        self.logits = logits


def _linear(torch: Any, weights: Mapping[str, Any], number: int) -> Any:
    weight = weights[f"heads.{number}.weight"]
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": weights[f"heads.{number}.bias"]})
    return layer


def _weights_in(folder: Any, torch: Any) -> dict[str, Any]:
    from safetensors.torch import load_file

    weights: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        weights |= load_file(path)
    for path in () if weights else sorted(folder.glob("*.bin")):
        weights |= torch.load(path, map_location="cpu", weights_only=True)
    return weights


def _remedy(folder: Path) -> str:
    """What to do about a tokenizer that only sentencepiece reads, of which transformers says other things."""
    if (folder / "tokenizer.json").exists() or not any(folder.glob("*.model")):
        return ""
    return "; its tokenizer is one of sentencepiece: run: pip install 'babelsift[transformers]'"


def _labels_in(config: Mapping[str, Any]) -> list[str]:
    by_number = config.get("id2label") or {}
    if not by_number:
        return [f"LABEL_{number}" for number in range(int(config.get("num_labels", 2)))]
    return [str(by_number[number]) for number in sorted(by_number, key=int)]


def _positions(config: Any) -> int:
    """How many tokens a network has positions for; those of RoBERTa's kind count from the padding's number on."""
    positions = int(getattr(config, "max_position_embeddings", None) or _MOST_TOKENS)
    is_shifted = "roberta" in str(config.model_type) or config.model_type == "camembert"
    return positions - 2 if is_shifted else positions


def _passes(lengths: np.ndarray, most: int, rows_of_pass: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (tokens, rows) of passes: texts whose own length leads to the same shape."""
    shapes = np.array(sorted({min(length, most) for length in _LENGTHS}))
    shape_of_row = shapes[np.searchsorted(shapes, lengths)]
    for shape in np.unique(shape_of_row).tolist():
        rows = np.flatnonzero(shape_of_row == shape)
        for start in range(0, len(rows), rows_of_pass):
            yield shape, rows[start : start + rows_of_pass]


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _imported(where: str) -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except (ImportError, OSError) as error:
        raise ModelError(
            f"{where}: a transformer needs torch and transformers ({one_line(error)}); "
            "run: pip install 'babelsift[transformers]'"
        ) from error
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return torch, transformers
