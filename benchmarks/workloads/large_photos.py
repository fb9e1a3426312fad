"""Large photographs made of small ones: mosaics, in which there is detail as in a photograph of that size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.workloads.photographs import photograph_files

_COUNT, _WIDTH, _HEIGHT = 24, 2400, 1800
_TILES = 3  # a side: tiles of 800x600, from photographs that are mostly 500x375
_QUALITY = 90


def write_large_photos(photos: str, output: str) -> None:
    """Writes JPEGs of 2400x1800 px, each a mosaic of a folder's photographs enlarged somewhat."""
    Path(output).mkdir()
    files = photograph_files(photos)
    size = (_WIDTH // _TILES, _HEIGHT // _TILES)
    for number in range(_COUNT):
        some = [files[(number * _TILES**2 + tile) % len(files)] for tile in range(_TILES**2)]
        tiles = [cv2.resize(cv2.imread(str(file)), size, interpolation=cv2.INTER_CUBIC) for file in some]
        rows = [np.hstack(tiles[start : start + _TILES]) for start in range(0, len(tiles), _TILES)]
        flags = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        if not cv2.imwrite(f"{output}/{number:03d}.jpg", np.vstack(rows), flags):
            raise OSError(f"cannot write large photographs into {output}")
