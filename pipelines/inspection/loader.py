"""A finished run's shards as a torch dataset, read by webdataset: with a choice of texts, and weights of samples."""

from __future__ import annotations

import hashlib
import io
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from babelsift.pipelines.inspection.finished import FinishedRun, open_run
from babelsift.pipelines.inspection.shard_images import IMAGE_TYPES
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import TAR
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.schemas import InputError, ModelError, RunFolderError
from babelsift.schemas.suggestions import did_you_mean

try:
    from torch.utils.data import IterableDataset
    from webdataset import tariterators
    from webdataset.filters import detshuffle
    from webdataset.utils import pytorch_worker_info
except ImportError as error:
    raise ModelError("loader needs torch and webdataset; pip install 'babelsift[clip,webdataset]'") from error

IMAGE, TEXT, KEY = "image", "text", "key"
FIRST, ANY, ALL = "first", "any", "all"
_TEXTS = (FIRST, ANY, ALL)
_Row = dict[str, Any]
# Of a sample, text by text as its json has them: the text to train on; None: none of them.
ChooseText = Callable[[Sequence[Mapping[str, Any]]], "Mapping[str, Any] | None"]
Weigh = Callable[[Mapping[str, Any]], float]


@dataclass(eq=False)
class Loader(IterableDataset):
    """Samples of a finished run; made by `loader`, which explains the other attributes.

    A shard is read by one worker of one node: there should be as many shards as workers of all nodes, or more. Each
    epoch has an order, texts and repetitions of its own, which follow from the seed alone.

    Attributes:
        folder: of the run.
        shards: paths of the tars in it.
        epoch: that the next iteration is of; each iteration in this process moves on to the next one.
    """

    folder: RunFolder
    shards: tuple[str, ...]
    fields: tuple[str, ...] = (IMAGE, TEXT)
    texts: str | ChooseText = FIRST
    weights: str | Weigh | None = None
    transform: Callable[[Any], Any] | None = None
    tokenize: Callable[[str], Any] | None = None
    shuffle: int = 1000
    seed: int = 0
    epoch: int = 0

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, before a DataLoader's workers begin: they have copies, and do not count for each other."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        samples: Iterable[_Row] = tariterators.group_by_keys(tariterators.tar_file_expander(self._streams(epoch)))
        if self.shuffle:
            order = detshuffle(bufsize=self.shuffle, initial=self.shuffle, seed=self.seed, epoch=epoch - 1)
            samples = order.run(samples)
        for sample in samples:
            yield from self._examples(sample, epoch)

    def _streams(self, epoch: int) -> Iterator[_Row]:
        """Yields the shards that this worker reads, opened, in the epoch's order."""
        names = list(self.shards)
        if self.shuffle:
            random.Random(f"{self.seed}/{epoch}").shuffle(names)
        rank, nodes, worker, workers = pytorch_worker_info()
        for name in islice(names, rank * workers + worker, None, nodes * workers):
            try:
                with self.folder.open(name) as stream:
                    yield {"url": name, "stream": stream}
            except OSError as error:
                raise RunFolderError(f"{self.folder.path(name)} cannot be read: {error}") from error

    def _examples(self, sample: _Row, epoch: int) -> Iterator[tuple[Any, ...]]:
        row = json.loads(sample["json"])
        said = row.get("texts") or [{**row, TEXT: sample["txt"].decode()}]
        for repetition in range(self._repetitions(row, sample["__key__"], epoch)):
            draw = self._draw(sample["__key__"], epoch, repetition)
            for text in _chosen(said, self.texts, draw):
                yield tuple(self._value(field, sample, row, text) for field in self.fields)

    def _repetitions(self, row: _Row, key: str, epoch: int) -> int:
        """How often a sample comes in an epoch: its weight, whose fraction is drawn."""
        if self.weights is None:
            return 1
        named = isinstance(self.weights, str)
        weight = _known(row, self.weights, key) if isinstance(self.weights, str) else self.weights(row)
        if not isinstance(weight, (int, float)) or not math.isfinite(weight) or weight < 0:
            of = f"{self.weights} of" if named else "of"
            raise InputError(f"weight {of} sample {key} is {weight!r}; a weight is a number from 0 on")
        return math.floor(weight) + (self._draw(key, epoch, -1) < weight % 1)

    def _draw(self, key: str, epoch: int, number: int) -> float:
        digest = hashlib.blake2b(f"{self.seed}/{epoch}/{number}/{key}".encode(), digest_size=7).digest()
        return int.from_bytes(digest, "big") / 2**56

    def _value(self, field: str, sample: _Row, row: _Row, text: Mapping[str, Any]) -> Any:
        if field == IMAGE:
            return self._image(sample)
        if field == TEXT:
            return text[TEXT] if self.tokenize is None else self.tokenize(text[TEXT])
        if field == KEY:
            return sample["__key__"]
        return text[field] if field in text else _known(row, field, sample["__key__"])

    def _image(self, sample: _Row) -> Any:
        from PIL import Image

        content = next(sample[extension] for extension in IMAGE_TYPES if extension in sample)
        image = Image.open(io.BytesIO(content)).convert("RGB")
        return image if self.transform is None else self.transform(image)


def _chosen(said: Sequence[Mapping[str, Any]], texts: str | ChooseText, draw: float) -> Sequence[Mapping[str, Any]]:
    if callable(texts):
        text = texts(said)
        return [] if text is None else [text]
    if texts == ANY:
        return [said[int(draw * len(said))]]
    return said if texts == ALL else said[:1]


def _known(row: Mapping[str, Any], name: str, key: str) -> Any:
    if name not in row:
        hint = did_you_mean(name, [IMAGE, TEXT, KEY, *row], otherwise=f"there are {', '.join(row)}")
        raise InputError(f"sample {key} has no field {name!r}; {hint}")
    return row[name]


def loader(
    run: FinishedRun | str | Path,
    *,
    split: str = "train",
    fields: Sequence[str] = (IMAGE, TEXT),
    texts: str | ChooseText = FIRST,
    weights: str | Weigh | None = None,
    transform: Callable[[Any], Any] | None = None,
    tokenize: Callable[[str], Any] | None = None,
    shuffle: int = 1000,
    seed: int = 0,
) -> Loader:
    """Returns a torch dataset over a run's shards, for `torch.utils.data.DataLoader`; local or on any fsspec URL.

    Args:
        run: a finished run, or its folder.
        split: "train" or "validation".
        fields: of each tuple: "image", "text", "key", or any field of a sample's json, of the text where it has it.
        texts: of samples with several: "first", "any" (drawn in each epoch), "all" (a tuple each), or a function that
            is given what the json says of each, `text` among it, and returns one of them, or None for no tuple.
        weights: how often a sample comes in an epoch on average, from 0 on: a field of the json, or a function of it.
        transform: what is done to each image, a PIL image in RGB.
        tokenize: what is done to each text.
        shuffle: samples that a worker holds to shuffle among, and shards in another order each epoch; 0: as stored.
        seed: of order, draws and repetitions.

    Raises:
        RunFolderError: no complete run is there, or it has no shards of the split.
        InputError: an argument says what there is not.
    """
    if split not in SPLITS:
        raise InputError(f"no split {split!r}; {did_you_mean(split, [*SPLITS], otherwise=' or '.join(SPLITS))}")
    if not callable(texts) and texts not in _TEXTS:
        raise InputError(f"no choice of texts {texts!r}; one of {', '.join(_TEXTS)}, or a function")
    finished = run if isinstance(run, FinishedRun) else open_run(str(run))
    where = SPLITS[split].folder
    shards = [f"{where}/{name}" for name in finished.folder.list(where, TAR)]
    if not shards:
        raise RunFolderError(f"{finished.folder.path(where)} has no shards; the run kept nothing for {split}")
    return Loader(
        finished.folder, tuple(shards), tuple(fields), texts, weights, transform, tokenize, shuffle=shuffle, seed=seed
    )
