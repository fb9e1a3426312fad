"""`process_image` with clocks in it, for a decoder: what its parts take is told by a file a decoder."""

from __future__ import annotations

import functools
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from babelsift.filters.image import ImageFailure, ProcessedImage, process, process_image

FOLDER = "BABELSIFT_BENCH_PARTS"  # the variable that names the files' folder
PARTS_BY_NAME = {
    "open_image": "header",
    "decode_complete": "check",  # with the decoding in it, which is taken off
    "decode_for": "decode",
    "resize_image": "resize",
    "encode_image": "encode",
    "facts_of": "hash",  # and the measures, from the same pass
}
_spent: Counter[str] = Counter()


def timed(part: str, function: Callable[..., Any], spent: Counter[str]) -> Callable[..., Any]:
    """Returns a function that adds to `spent` the CPU time of its thread, in seconds."""

    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        started = time.thread_time()
        try:
            return function(*args, **options)
        finally:
            spent[part] += time.thread_time() - started

    return wrapper


@functools.cache
def _install() -> Path:
    for name, part in PARTS_BY_NAME.items():
        setattr(process, name, timed(part, getattr(process, name), _spent))
    return Path(os.environ[FOLDER]) / f"{os.getpid()}.json"


def process_timed(*args: Any, **options: Any) -> ProcessedImage | ImageFailure:
    """As `process_image`; writes down what the process has used so far, in all and by part."""
    file = _install()
    image = process_image(*args, **options)
    file.write_text(json.dumps({**_spent, "all": time.process_time()}))
    return image
