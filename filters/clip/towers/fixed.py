"""Runs both towers on a GPU in passes of one shape, so that kernels are the same, and a pair's bits, in any company.

Libraries choose how they multiply by the shapes of matrices. Here a pass has always as many images, and as many tokens
of packed captions, as the first had; what a batch lacks is filled up.

Imports torch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import normalize

from babelsift.filters.clip.pixels.device_resize import ResizeBatch
from babelsift.filters.clip.towers.by_length import ROWS_PER_BLOCK, Towers, distinct_rows, whole_blocks
from babelsift.filters.clip.towers.compiling import as_it_is, compile_tower
from babelsift.filters.clip.towers.memory import is_out_of_memory
from babelsift.filters.clip.towers.packed import TOKENS_PER_CAPTION, PackedCaptions, pack
from babelsift.filters.clip.towers.streams import CpuStreams, CudaStreams, Streams
from babelsift.schemas import ModelError, one_line

_LOG = logging.getLogger(__name__)
_TRIES = 3  # of a pass as it is, for a shortage that passes

_THIS_BATCH = (
    " for this batch alone, whose scores may differ in their last bits; a smaller batch_size would have avoided that"
)

Prepare = Callable[[torch.Tensor], torch.Tensor]


class FixedTowers:
    """A CLIP model's image and text towers on a device, in passes of one shape.

    Args:
        module: the model, in evaluation mode on `device`.
        device: a torch device.
        rows: images of a pass, and captions.
        prepare: normalizes images: uint8[rows, 3, height, width] -> what the image tower takes.
        compiled: through torch.compile, once a tower.
        streams: the device's; None: those of its kind.
    """

    def __init__(
        self,
        module: Any,
        device: Any,
        *,
        rows: int,
        prepare: Prepare,
        compiled: bool = False,
        streams: Streams | None = None,
    ) -> None:
        self.device = device
        self.rows = whole_blocks(rows)
        self._prepare = prepare
        self._streams = streams or (CudaStreams(device) if device.type == "cuda" else CpuStreams(device))
        wrap = compile_tower if compiled else as_it_is
        self._images = wrap(module.encode_image)
        self._by_length = Towers(module, device, rows=rows, compiled=compiled)
        packed = self._by_length.packed
        self._packed = None if packed is None else wrap(packed)
        self._is_settled = False

    def embed(
        self, images: ResizeBatch, tokens: torch.Tensor, done: Callable[[], None] = lambda: None
    ) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        """Launches a batch; returns what waits for its embeddings: float32[rows, dimension] each, of unit length.

        Args:
            images: at least one.
            tokens: int64[images, context].
            done: called as soon as the images' memory may be used again.

        Raises:
            ModelError: the device's memory does not even hold a block.
        """
        self._settle(images, tokens)
        try:
            return self._in_memory(lambda rows: self._launch(images, tokens, rows, done))
        except BaseException:
            done()
            raise

    def encode_texts(self, tokens: torch.Tensor) -> np.ndarray:
        """Returns float32[texts, dimension] of unit length.

        Args:
            tokens: int64[texts, context].
        """
        if self._packed is None:
            return self._by_length.encode_texts(tokens)
        return self._in_memory(self._launch_texts(tokens))()

    def _settle(self, images: ResizeBatch, tokens: torch.Tensor) -> None:
        """Finds the largest pass that the device's memory holds, once, by passes of blank pairs; it is kept."""
        if self._is_settled:
            return
        blank = torch.zeros((1, 3, images.geometry.height, images.geometry.width), dtype=torch.uint8)

        def launch(rows: int) -> int:
            with torch.inference_mode(), self._streams.copying() as move:
                pixels, passes = move(blank), [each.on(move) for each in self._passes(tokens[:1], rows)]
            with torch.inference_mode(), self._streams.computing():
                self._streams.fetch(self._image_passes(pixels, rows))()
                if passes:
                    self._streams.fetch(self._text_passes(passes))()
            return rows

        self.rows = self._in_memory(launch, "")
        self._is_settled = True

    def _launch(
        self, images: ResizeBatch, tokens: torch.Tensor, rows: int, done: Callable[[], None]
    ) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        distinct, indices = distinct_rows(tokens)
        with torch.inference_mode(), self._streams.copying() as move:
            there = images.on(move)
            passes = [each.on(move) for each in self._passes(distinct, rows)]
        copied = self._streams.copied()
        with torch.inference_mode(), self._streams.computing():
            image = self._image_passes(there.cut_out(), rows)
            text = self._text_passes(passes) if passes else self._by_length.text_embeddings(distinct)
            fetch = self._streams.fetch(torch.cat([image, text]))
        # All is launched: this thread may wait for the copies, behind which the next batch's would queue anyway.
        copied()
        done()

        def wait() -> tuple[np.ndarray, np.ndarray]:
            both = fetch()
            return both[: len(images)], both[len(images) :][indices]

        return wait

    def _launch_texts(self, tokens: torch.Tensor) -> Callable[[int], Callable[[], np.ndarray]]:
        def launch(rows: int) -> Callable[[], np.ndarray]:
            with torch.inference_mode(), self._streams.copying() as move:
                passes = [each.on(move) for each in self._passes(tokens, rows)]
            with torch.inference_mode(), self._streams.computing():
                return self._streams.fetch(self._text_passes(passes))

        return launch

    def _passes(self, tokens: torch.Tensor, rows: int) -> Sequence[PackedCaptions]:
        if self._packed is None:
            return ()
        ends = self._by_length.last_tokens(tokens).numpy()
        row = max(rows * TOKENS_PER_CAPTION, whole_blocks(tokens.shape[1]))
        return list(pack(tokens.numpy(), ends, captions=rows, row=row))

    def _image_passes(self, images: torch.Tensor, rows: int) -> torch.Tensor:
        embeddings = []
        for part in images.split(rows):
            whole = part if len(part) == rows else torch.cat([part, part[:1].expand(rows - len(part), -1, -1, -1)])
            embeddings.append(normalize(self._images(self._prepare(whole)).float(), dim=-1)[: len(part)])
        return torch.cat(embeddings)

    def _text_passes(self, passes: Sequence[PackedCaptions]) -> torch.Tensor:
        assert self._packed is not None
        embeddings = [normalize(self._packed(*each.parts()).float(), dim=-1)[: len(each.rows)] for each in passes]
        return torch.cat(embeddings)

    def _in_memory(self, launch: Callable[[int], Any], then: str = _THIS_BATCH) -> Any:
        """Launches passes of the usual shape; smaller ones, for this call alone, where memory stays too small."""
        rows, tries = self.rows, 0
        while True:
            try:
                return launch(rows)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                message = one_line(error)
            tries += 1
            self._streams.free_memory()
            if tries < _TRIES:
                continue
            if rows <= ROWS_PER_BLOCK:
                raise ModelError(
                    f"{self.device} is out of memory with {rows} pairs at once, the fewest that are tried; "
                    f"free memory there or choose a smaller model: {message}"
                )
            smaller = whole_blocks(rows // 2)
            words = "%s is out of memory with %d pairs at once; going on with %d%s"
            _LOG.warning(words, self.device, rows, smaller, then)
            rows, tries = smaller, 0
