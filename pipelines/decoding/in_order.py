"""Images that are at hand, decoded several at a time and handed on in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from babelsift.filters.cores import usable_cores
from babelsift.filters.image import ImageFailure
from babelsift.pipelines.decoding.pool import DecoderCrashedError, DecoderPool, DecodeTimeoutError
from babelsift.schemas import RejectReason

OF_THE_MACHINE = frozenset({RejectReason.DECODE_TIMEOUT, RejectReason.DECODER_CRASHED})


class ImageDecoders:
    """Decodes images, as many at once as there are cores.

    Args:
        decode: as of `DecoderPool`; returns an ImageFailure for what is no image.
        timeout_s: as of `DecoderPool`.
    """

    def __init__(self, decode: Callable[..., Any], *, timeout_s: float) -> None:
        cores = usable_cores()
        self._pool = DecoderPool(decode, decoders=cores, timeout_s=timeout_s)
        self._threads = ThreadPoolExecutor(cores, thread_name_prefix="image")

    def decode(self, body: bytes, *arguments: object) -> Any:
        """Returns what the function makes of an image; an ImageFailure, too, where its decoder was ended or died.

        Of such a failure the machine is the reason (`OF_THE_MACHINE`): another time the image may be decoded.
        """
        try:
            return self._pool.decode(body, *arguments)
        except DecodeTimeoutError as timeout:
            return ImageFailure(RejectReason.DECODE_TIMEOUT, str(timeout))
        except DecoderCrashedError as crash:
            return ImageFailure(RejectReason.DECODER_CRASHED, str(crash))

    def in_order(self, bodies: Iterable[bytes | None]) -> Iterator[Any]:
        """Yields what `decode` makes of each body, in their order; None for None. All bodies are taken at once."""
        return self._threads.map(lambda body: None if body is None else self.decode(body), bodies)

    def close(self) -> None:
        """Ends threads and decoders."""
        self._threads.shutdown()
        self._pool.close()
