"""How well near-duplicate images are found: recall of each kind of copy, and how often strangers are merged.

    PHOTOS=FOLDER python -m benchmarks image_dedup_quality

Every photograph is copied by each transform; a copy counts as found where it would be linked to its original, banding
and all, as in a table of so many photographs and as in one of many millions, whose buckets are split. Strangers are
all pairs of different photographs, and, as a harder test, of tiles cut from different ones, which are many more and
show less; how many merges more pairs could have brought at that is said with 95 % confidence. Beside it, imagehash's
and imagededup's perceptual hashes on the same files, at the largest radius at which they merge no more than one of a
million pairs of tiles. Photographs are those of the folder that is named, the first PHOTOS_AT_MOST of them; without
one, scenes are drawn, which are easier to confuse. Figures are printed as they come.
"""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from babelsift.filters.bytes16 import from_halves, halves
from babelsift.filters.dedup import (
    FIRST_VIEW,
    WHOLE_VIEW,
    crop_radius,
    have_like_colours,
    near_image_links,
    view_radius,
)
from babelsift.filters.image import hash_pixels, luminance_of, structure_of
from babelsift.pipelines.stages.dedup.images.image_hashes import hashed_records
from babelsift.schemas.recipe import DedupImagesSettings
from benchmarks.harness.outcome import Figure, Outcome
from benchmarks.peers.environments import PeerError, run_peer
from benchmarks.workloads.image_copies import COPIES, goal_of
from benchmarks.workloads.photographs import photograph_files, photograph_folder

RADIUS = 31
_MIN_STRUCTURE = 0.1
_TILES = 3  # a side of each photograph
_FALSE_MERGES = 1e-6


def run() -> Outcome:
    """Hashes all photographs and their copies, by ours and by the peers'."""
    photos = _photographs()
    tiles, owner = _tiles(photos)
    originals, strangers = _records(photos), _records(tiles)
    figures: dict[str, Figure] = {}
    pairs, merged, wider = _false_merges(strangers, owner)
    photo_pairs, photo_merged, _ = _false_merges(originals, np.arange(len(photos)))
    for name, found, of in (("photographs", photo_merged, photo_pairs), ("tiles", merged, pairs)):
        _tell(figures, f"false_merges_of_{name}", Figure("of all pairs", found / of, goal=f"<= {_FALSE_MERGES:g}"))
        _tell(figures, f"false_merges_of_{name}_at_most", Figure("of all pairs", _at_most(found) / of))
    _tell(figures, "false_merges_of_tiles_at_one_and_a_half_radii", Figure("of all pairs", wider / pairs))
    recalls, wide = {}, {}
    for name, copy in COPIES.items():
        copies = _records([copy(photo) for photo in photos])
        recalls[name] = _recall(originals, copies)
        wide[name] = _recall(originals, copies, compared_up_to=0)
        _say(f"recall_{name} {recalls[name]:.4g}, among millions {wide[name]:.4g}")
    peers = _peers(photos, tiles, owner)
    for name, recall in recalls.items():
        best = max((peer["recall"][name] for peer in peers.values()), default=None)
        ratio = recall / best if best else None
        figures[f"recall_{name}"] = Figure("share", recall, best, ratio, goal=f">= {goal_of(name)}")
    figures |= {f"recall_among_millions_{name}": Figure("share", recall) for name, recall in wide.items()}
    mean = float(np.mean(list(recalls.values())))
    for name, peer in peers.items():
        figures[f"mean_recall_beside_{name}"] = Figure("share", mean, float(np.mean(list(peer["recall"].values()))))
    told = {name: peer["radius"] for name, peer in peers.items()}
    what = (
        f"{len(photos)} photographs, {len(COPIES)} copies each, radius {RADIUS} bits; {pairs} pairs of tiles, "
        f"{merged} merged, and {photo_pairs} of photographs, {photo_merged} merged, are strangers; peers' radii: {told}"
    )
    return Outcome("image_dedup_quality", what, figures)


def _tell(figures: dict[str, Figure], name: str, figure: Figure) -> None:
    figures[name] = figure
    _say(f"{name} {figure.ours:.4g}")


def _say(what: str) -> None:
    print(f"bench: {what}", flush=True)


def _at_most(found: int) -> float:
    """How many events there may be on the average where so many were seen, with 95 % confidence."""
    low, high = float(found), found + 10.0 + 4 * math.sqrt(found)
    for _ in range(60):
        mean = (low + high) / 2
        likely = sum(math.exp(-mean + n * math.log(mean) - math.lgamma(n + 1)) for n in range(found + 1)) > 0.05
        low, high = (mean, high) if likely else (low, mean)
    return high


def _photographs() -> list[np.ndarray]:
    with tempfile.TemporaryDirectory() as home:
        files = photograph_files(photograph_folder(home))
        files = files[: int(os.environ.get("PHOTOS_AT_MOST", len(files)))]
        images = (cv2.imread(str(path), cv2.IMREAD_COLOR) for path in files)
        return [image for image in images if image is not None]


def _tiles(photos: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    tiles, owner = [], []
    for number, photo in enumerate(photos):
        height, width = photo.shape[0] // _TILES, photo.shape[1] // _TILES
        for place in range(_TILES**2):
            top, left = place // _TILES * height, place % _TILES * width
            tile = photo[top : top + height, left : left + width]
            if structure_of(luminance_of(tile)) >= _MIN_STRUCTURE:
                tiles.append(tile)
                owner.append(number)
    return tiles, np.array(owner)


def _records(images: list[np.ndarray]) -> np.ndarray:
    """IMAGE_HASHES of each image: of the whole, of crops and of views, whose uid is the image's number."""
    hashes = [hash_pixels(image) for image in images]
    columns = {
        "uid": [f"{number:032x}" for number in range(len(images))],
        "caption": [""] * len(images),
        "sha256": [one.pixels_digest for one in hashes],
        **{name: [getattr(one, name) for one in hashes] for name in hashes[0].columns()},
        "rank": [0] * len(images),
    }
    types = {name: pa.binary(len(values[0])) for name, values in columns.items() if isinstance(values[0], bytes)}
    types |= {"phash_quality": pa.float32(), "rank": pa.uint64()}
    rows = pa.RecordBatch.from_pydict({name: pa.array(values, types.get(name)) for name, values in columns.items()})
    return hashed_records(rows, DedupImagesSettings())


def _recall(originals: np.ndarray, copies: np.ndarray, **options: int) -> float:
    """The share of originals to which their copy is linked."""
    count = int((originals["crop"] == 0).sum())
    copies = copies.copy()
    copies["uid"] = _uids(_numbers(copies["uid"]) + count)
    links = near_image_links(np.concatenate([originals, copies]), radius=RADIUS, **options)
    kept, gone = _numbers(links["survivor"]), _numbers(links["uid"])
    return float(len(np.unique(kept[gone == kept + count])) / count)


def _uids(numbers: np.ndarray) -> np.ndarray:
    return from_halves(np.zeros_like(numbers), numbers)


def _numbers(uids: np.ndarray) -> np.ndarray:
    return halves(uids)[1].astype(np.int64)


def _false_merges(records: np.ndarray, owner: np.ndarray) -> tuple[int, int, int]:
    """(pairs of different photographs, those within the radius, those within half as much again), each compared."""
    numbers = np.unique(records["crop"])
    hashes = {number: _by_image(records, number, len(owner)) for number in numbers}
    whole, _ = hashes.pop(0)
    low, varied = hashes[WHOLE_VIEW]
    crops = np.stack([hashes[number][0] for number in numbers if 0 < number < FIRST_VIEW], axis=1)
    views = [hashes[number] for number in numbers if number >= FIRST_VIEW]
    colours = np.zeros((len(owner), 4), np.int16)
    colours[_numbers(records["uid"])] = records["colours"]
    pairs = merged = wider = 0
    for row in range(len(owner) - 1):
        others = np.flatnonzero(owner[row + 1 :] != owner[row]) + row + 1
        bits = np.bitwise_count(whole[others] ^ whole[row]).sum(axis=1)
        by_crop = np.minimum(
            np.bitwise_count(crops[others] ^ low[row]).sum(axis=2).min(axis=1, initial=128),
            np.bitwise_count(low[others][:, None] ^ crops[row]).sum(axis=2).min(axis=1, initial=128),
        )
        by_crop[~(varied[others] & varied[row])] = 128
        by_view = np.full(len(others), 128, np.int64)
        for view, exists in views:
            apart = np.bitwise_count(view[others] ^ view[row]).sum(axis=1)
            by_view = np.minimum(by_view, np.where(exists[others] & exists[row], apart, 128))
        pairs += len(others)
        alike = have_like_colours(np.broadcast_to(colours[row], (len(others), 4)), colours[others])
        for share in (2, 3):
            near = by_crop <= crop_radius(RADIUS) * share // 2
            near |= by_view <= view_radius(RADIUS) * share // 2
            near = (near & alike) | (bits <= RADIUS * share // 2)
            merged += int(near.sum()) if share == 2 else 0
            wider += int(near.sum()) if share == 3 else 0
    return pairs, merged, wider


def _by_image(records: np.ndarray, number: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (uint64[n, words], the hash of a crop or view of each image; bool[n], whether there is one)."""
    chosen = records[records["crop"] == number]
    name = "low" if number else "hash"
    hashes, exists = np.zeros((count, chosen[name].shape[1]), np.uint64), np.zeros(count, bool)
    rows = _numbers(chosen["uid"])
    hashes[rows], exists[rows] = chosen[name], True
    return hashes, exists


def _peers(photos: list[np.ndarray], tiles: list[np.ndarray], owner: np.ndarray) -> dict[str, dict]:
    """What the peers find in the same pictures, written as PNG so that nothing is lost on the way."""
    with tempfile.TemporaryDirectory() as folder:
        for name, copy in {"original": np.ascontiguousarray, **COPIES}.items():
            _write(Path(folder) / name, [copy(photo) for photo in photos])
        _write(Path(folder) / "tiles", tiles)
        np.save(Path(folder) / "owner.npy", owner)
        try:
            return run_peer("image_hashes", "image_hashes_filters.py", folder)
        except PeerError as error:
            print(f"bench: without peers: {error}", flush=True)
            return {}


def _write(folder: Path, images: list[np.ndarray]) -> None:
    folder.mkdir()
    for number, image in enumerate(images):
        cv2.imwrite(str(folder / f"{number:05d}.png"), image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
