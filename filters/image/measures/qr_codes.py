"""How many QR codes an image shows."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def count_qr_codes(images: Sequence[np.ndarray]) -> list[int]:
    """Returns of each image how many QR codes there are that can be read.

    Args:
        images: uint8[height, width, 3], RGB.

    Source: OpenCV's `QRCodeDetector`.

    >>> count_qr_codes([np.zeros((64, 64, 3), np.uint8)])
    [0]
    """
    detector = cv2.QRCodeDetector()
    counts = []
    for image in images:
        try:
            _, texts, _, _ = detector.detectAndDecodeMulti(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        except cv2.error:  # of some shapes that are no code it makes matrices that have no inverse
            texts = ()
        counts.append(sum(bool(text) for text in texts))
    return counts
