"""Which JPEGs have to be read code by code although their decoder has complained of nothing: a look that costs little.

libjpeg complains where a marker comes early or late. It says nothing where the file ends instead, of a progressive JPEG
whose last scans are not there, or of a hole of zeros where they happen to stand for as many blocks as are lost.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache

import numpy as np

from babelsift.filters.image.jpeg.coverage import Coverage
from babelsift.filters.image.jpeg.structure import (
    END_OF_IMAGE,
    PROGRESSIVE,
    SOF,
    SOS,
    ZERO_RUN_BYTES,
    NotFollowedError,
    next_segment,
    parse_frame,
    parse_scan,
)

_MAX_SEGMENTS = 100  # before a frame
_SCAN = re.compile(rb"\xff\xda")
_WORD_BYTES = 8
_WORDS_APART = ZERO_RUN_BYTES // _WORD_BYTES - 1  # a run of zeros has one of these words, wherever it begins
_ANY_SIZE = b"\0\1\0\1"
_SCRIPTS_REMEMBERED = 64  # encoders have few scripts of scans


def is_suspicious(body: bytes) -> bool:
    """Returns whether a JPEG may lack rows although its decoder complains of nothing.

    Args:
        body: a JPEG without metadata.
    """
    if body.rfind(END_OF_IMAGE) < 0:
        return True
    position = 2
    try:
        for _ in range(_MAX_SEGMENTS):
            segment = next_segment(body, position)
            if segment is None or segment[0] == SOS:
                return True
            marker, content, position = segment
            if marker == PROGRESSIVE:
                return _has_zeros(body) or not _has_all_scans(body, position, content)
            if marker in SOF:
                return _has_zeros(body)
    except (NotFollowedError, struct.error):
        pass
    return True


def _has_zeros(body: bytes) -> bool:
    """Whether there is a run of zeros as long as a hole; looked for is first one word of it, which takes less time."""
    words = np.frombuffer(body, np.uint64, len(body) // _WORD_BYTES)
    return not words[::_WORDS_APART].all() and bytes(ZERO_RUN_BYTES) in body


def _has_all_scans(body: bytes, position: int, frame: bytes) -> bool:
    """Whether a progressive JPEG's scan headers say that they have sent every bit of each coefficient.

    Args:
        body: the JPEG.
        position: behind the frame header.
        frame: the frame header's content.
    """
    headers = []
    for scan in _SCAN.finditer(body, position):
        start = scan.end()
        headers.append(body[start + 2 : start + int.from_bytes(body[start : start + 2], "big")])
    return _is_complete(frame[:1] + _ANY_SIZE + frame[5:], tuple(headers))


@lru_cache(_SCRIPTS_REMEMBERED)
def _is_complete(frame: bytes, headers: tuple[bytes, ...]) -> bool:
    coverage = Coverage(parse_frame(PROGRESSIVE, frame))
    for header in headers:
        coverage.add(parse_scan(coverage.frame, header))
    return coverage.is_complete()
