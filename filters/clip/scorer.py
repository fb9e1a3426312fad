"""Scores the CLIP similarity of images and captions in bounded memory, with a result row for every pair.

In a notebook:

    from babelsift.filters.clip import ClipScorer
    scorer = ClipScorer("ViT-B-32", "openai")
    scorer.score([open("cat.jpg", "rb").read()], ["a cat"]).to_pylist()
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from babelsift.filters.clip.devices import lanes_of
from babelsift.filters.clip.lanes import Lanes
from babelsift.filters.clip.models import LoadedModel, load_model
from babelsift.filters.clip.pair_batches import Pair, pair_batches
from babelsift.schemas import ModelError

if TYPE_CHECKING:
    from babelsift.filters.clip.decoders import Decoders
    from babelsift.filters.clip.encoder import Embeddings, PairEncoder, PreparedBatch


class ClipScorer:
    """Scores pairs with a CLIP model; safe to share between threads.

    Args:
        model, pretrained, device, precision, compiled: see `load_model`.
        batch_size: images in a pass through the model, and texts; fewer from the first time on that they do not fit a
            device's memory.
        decoders: of images; None: threads of this process.

    Raises:
        ModelError: the model cannot be loaded.
        ValueError: batch_size < 1.

    Source:
        open_clip; similarities equal its own within 1e-4 at fp32 (Radford et al. 2021, cosine of the embeddings).
    """

    def __init__(
        self,
        model: str,
        pretrained: str | None = None,
        *,
        device: str | None = None,
        batch_size: int = 256,
        precision: str = "auto",
        compiled: bool = False,
        decoders: Decoders | None = None,
    ) -> None:
        loaded = load_model(model, pretrained, device=device, precision=precision, compiled=compiled)
        self._start(loaded, batch_size, decoders)

    @classmethod
    def from_loaded(
        cls,
        model: LoadedModel,
        *,
        batch_size: int = 256,
        decoders: Decoders | None = None,
        has_fixed_shapes: bool | None = None,
    ) -> ClipScorer:
        """Returns a scorer around a model that is loaded already.

        Args:
            model: loaded.
            batch_size: as for the class.
            decoders: as for the class.
            has_fixed_shapes: score as on a GPU, images resized by the device and passes of one shape; None: on GPUs.
        """
        scorer = cls.__new__(cls)
        cls._start(scorer, model, batch_size, decoders, has_fixed_shapes)
        return scorer

    def _start(
        self, model: LoadedModel, batch_size: int, decoders: Decoders | None, has_fixed_shapes: bool | None = None
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size should be at least 1, found {batch_size}")
        from babelsift.filters.clip.encoder import PairEncoder  # needs torch, which is there once a model is loaded

        self.model = model
        self.batch_size = batch_size
        self._encoder: PairEncoder = PairEncoder(
            model, rows=batch_size, decoders=decoders, has_fixed_shapes=has_fixed_shapes
        )
        self._lock = threading.Lock()
        self._made_lanes: Lanes | None = None

    @property
    def _lanes(self) -> Lanes:
        # Threads of the scorer, not of a stream: malloc gives each new thread an arena that earlier threads left, until
        # all arenas keep the most that any thread ever held. Made, and the model copied to all its devices, only once
        # there is something to score: who looks at a model's fingerprint, or embeds a few texts, needs neither.
        with self._lock:
            if self._made_lanes is None:
                self._made_lanes = Lanes(range(len(self._encoder.devices)))
            return self._made_lanes

    @property
    def fingerprint(self) -> str:
        """64 hex digits over everything that its scores depend on."""
        return self.model.fingerprint

    @property
    def info(self) -> Mapping[str, Any]:
        """The facts that the fingerprint is made of; see `LoadedModel`."""
        return self.model.info

    def score(
        self,
        images: Sequence[bytes | None],
        captions: Sequence[str | None] | pa.StringArray,
        *,
        embeddings: bool = False,
    ) -> pa.RecordBatch:
        """Returns a row for each pair, in order, as `result_schema` describes it.

        Args:
            images: encoded JPEG, PNG or WebP.
            captions: as many texts; long ones are cut as open_clip cuts them.

        Raises:
            ModelError: the model gives no numbers.
            ValueError: unequal lengths.
        """
        if isinstance(captions, (pa.Array, pa.ChunkedArray)):
            captions = captions.to_pylist()
        if len(images) != len(captions):
            raise ValueError(f"{len(images)} images and {len(captions)} captions; give as many of each")
        batches = list(self.score_stream(zip(images, captions, strict=True), embeddings=embeddings))
        if not batches:
            return pa.RecordBatch.from_pylist([], schema=self.result_schema(embeddings))
        return pa.concat_batches(batches)

    def score_stream(
        self, pairs: Iterable[tuple[bytes | None, str | None]], *, embeddings: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yields the results of `score` for a stream of pairs, a batch of up to `batch_size` images at a time.

        An image that pairs side by side have in common, with equal bytes, is decoded and embedded once for them.

        The stream is read on a thread of its own, a few batches a device ahead of the model and no further.
        """
        lanes = self._lanes
        at_once = len(lanes_of(self._encoder.devices))
        running: deque[tuple[PreparedBatch, Future[Callable[[], Embeddings]]]] = deque()
        try:
            for prepared in self._prepared(pair_batches(pairs, self.batch_size), at_once):
                running.append((prepared, lanes.submit(self._encoder.embed, prepared)))
                if len(running) > at_once:
                    yield self._result(*running.popleft(), embeddings)
            while running:
                yield self._result(*running.popleft(), embeddings)
        finally:
            for prepared, begun in running:  # a failed stream leaves no thread at work, and no memory taken
                if begun.exception() is None:
                    begun.result()()
                prepared.release()

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        """Returns the embeddings of texts alone: float32[texts, dimension] of unit length."""
        return self._encoder.embed_texts(texts)

    def result_schema(self, embeddings: bool = False) -> pa.Schema:
        """Returns the schema of this scorer's results."""
        return result_schema(self.model.dimension if embeddings else None)

    def _prepared(self, batches: Iterator[list[Pair]], ahead: int) -> Iterator[PreparedBatch]:
        with ThreadPoolExecutor(1, "clip-prepare") as reader:
            waiting = deque(reader.submit(self._prepare_next, batches) for _ in range(ahead))
            try:
                while (prepared := waiting.popleft().result()) is not None:
                    waiting.append(reader.submit(self._prepare_next, batches))
                    yield prepared
            finally:
                for coming in waiting:
                    if not coming.cancel() and coming.exception() is None and (unused := coming.result()) is not None:
                        unused.release()

    def _prepare_next(self, batches: Iterator[list[Pair]]) -> PreparedBatch | None:
        batch = next(batches, None)
        return self._encoder.prepare(batch) if batch else None

    def _result(
        self, prepared: PreparedBatch, begun: Future[Callable[[], Embeddings]], embeddings: bool
    ) -> pa.RecordBatch:
        image, text = begun.result()()
        good = np.array([error is None for error in prepared.errors], dtype=bool)
        similarity = np.zeros(len(good), np.float32)
        similarity[good] = np.clip(np.einsum("ij,ij->i", image, text), -1, 1)
        if wrong := int(np.count_nonzero(np.isnan(similarity))):
            precision = self.model.precision
            remedy = "its weights are damaged: copy or download them again"
            if precision != "fp32":
                remedy = f"{precision} is too narrow for it, or {remedy}; set precision to fp32"
            raise ModelError(
                f"CLIP model {self.model.name} gives no number (NaN or infinity) at {precision} "
                f"for {wrong} of {good.sum()} pairs; {remedy}"
            )
        columns = [pa.array(similarity, mask=~good), pa.array(prepared.errors, pa.string())]
        if embeddings:
            columns += [_embedding_column(values, good) for values in (image, text)]
        return pa.RecordBatch.from_arrays(columns, schema=self.result_schema(embeddings))


def result_schema(dimension: int | None = None) -> pa.Schema:
    """Returns the columns of a scorer's results.

    `similarity`: cosine, null where the pair could not be scored. `error`: why not, "image: ..." or "caption: ...";
    null where it could. With a dimension, `image_embedding` and `text_embedding`: float16 vectors of unit length.

    Args:
        dimension: of the embeddings; None: results have none.
    """
    fields = [
        pa.field("similarity", pa.float32(), metadata={"unit": "cosine, -1 to 1"}),
        pa.field("error", pa.string()),
    ]
    if dimension is not None:
        vector = pa.list_(pa.float16(), dimension)
        fields += [pa.field(name, vector, metadata={"unit": "unit length"}) for name in _EMBEDDINGS]
    return pa.schema(fields)


_EMBEDDINGS = ("image_embedding", "text_embedding")


def _embedding_column(values: np.ndarray, good: np.ndarray) -> pa.FixedSizeListArray:
    rows = np.zeros((len(good), values.shape[1]), np.float16)
    rows[good] = values
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), values.shape[1], mask=pa.array(~good))
