"""Runs in the peers' environment: FOLDER -> one line of JSON, recall of each copy at a radius that merges no stranger.

imagehash's and imagededup's perceptual hashes, 64 bits both. The radius is the largest at which no two tiles of
different photographs are merged: with fewer pairs than a million, the rate aimed at comes to none.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
from imagededup.methods import PHash
from PIL import Image


def with_imagehash(path: Path) -> int:
    return int(str(imagehash.phash(Image.open(path))), 16)


_phash = PHash(verbose=False)


def with_imagededup(path: Path) -> int:
    return int(_phash.encode_image(image_file=str(path)), 16)


def hashes(folder: Path, hash_one: Callable[[Path], int]) -> np.ndarray:
    return np.array([hash_one(path) for path in sorted(folder.iterdir())], dtype=np.uint64)


def radius_without_strangers(tiles: np.ndarray, owner: np.ndarray, allowed: float) -> int:
    counts, pairs = np.zeros(65, dtype=np.int64), 0
    for row in range(len(tiles) - 1):
        others = tiles[row + 1 :][owner[row + 1 :] != owner[row]]
        counts += np.bincount(np.bitwise_count(others ^ tiles[row]), minlength=65)
        pairs += len(others)
    return int(np.flatnonzero(np.cumsum(counts) <= allowed * pairs)[-1]) if counts[0] <= allowed * pairs else -1


def main(folder: str) -> None:
    root = Path(folder)
    owner = np.load(root / "owner.npy")
    found = {}
    for name, hash_one in {"imagehash": with_imagehash, "imagededup": with_imagededup}.items():
        originals = hashes(root / "original", hash_one)
        radius = radius_without_strangers(hashes(root / "tiles", hash_one), owner, 1e-6)
        copies = [path for path in root.iterdir() if path.is_dir() and path.name not in ("original", "tiles")]
        recall = {
            path.name: float((np.bitwise_count(hashes(path, hash_one) ^ originals) <= radius).mean()) for path in copies
        }
        found[name] = {"radius": radius, "recall": recall}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
