"""JPEGs that end early, promise too much or have a hole, and some that lack next to nothing."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tests.support.hostile_web import encoded, photo
from tests.support.image_files import jpeg_data_start, jpeg_of_height

END = b"\xff\xd9"
NOISE = np.random.default_rng(1).normal(0, 9, (480, 640, 3))
PICTURE = Image.fromarray((np.asarray(photo(1, (640, 480))) + NOISE).clip(0, 255).astype(np.uint8))
BASELINE, PROGRESSIVE = encoded(PICTURE, quality=85), encoded(PICTURE, quality=85, progressive=True)
RESTARTS = encoded(PICTURE, quality=85, restart_marker_rows=1)


def cut(body: bytes, share: float) -> bytes:
    start = jpeg_data_start(body)
    return body[: start + int((len(body) - start) * share)].rstrip(b"\xff")


def hole(body: bytes, *, first: float, share: float) -> bytes:
    start = jpeg_data_start(body)
    first, length = start + int((len(body) - start) * first), int((len(body) - start) * share)
    return body[:first] + bytes(length) + body[first + length :]


DAMAGED = {
    "a third": cut(BASELINE, 1 / 3) + END,
    "nine tenths": cut(BASELINE, 0.9) + END,
    "nine tenths without an end": cut(BASELINE, 0.9),
    "a third, progressive": cut(PROGRESSIVE, 1 / 3) + END,
    "nine tenths, progressive": cut(PROGRESSIVE, 0.9) + END,
    "all scans but the last": PROGRESSIVE[: PROGRESSIVE.rindex(b"\xff\xc4")] + END,
    "ten times the rows": jpeg_of_height(BASELINE, 4800),
    "ten times the rows, progressive": jpeg_of_height(PROGRESSIVE, 4800),
    "a tenth more rows": jpeg_of_height(BASELINE, 528),
    "a hole": hole(BASELINE, first=0.4, share=0.2),
    "a hole, progressive": hole(PROGRESSIVE, first=0.1, share=0.2),
    "a hole between restarts": hole(RESTARTS, first=0.4, share=0.2),
    "half": BASELINE[: len(BASELINE) // 2] + BASELINE[3 * len(BASELINE) // 4 :],
}

NEARLY_WHOLE = {
    "the last rows": cut(BASELINE, 0.96) + END,
    "the last rows and the end": cut(BASELINE, 0.96),
    "the end": BASELINE[:-2],
    "an interval": cut(RESTARTS, 0.98) + END,
    "some of the last scan": PROGRESSIVE[:-40] + END,
}
