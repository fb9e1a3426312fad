"""The photographs that a benchmark serves or copies: a folder of the user's, or scenes drawn in their place."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import cv2
import numpy as np

from babelsift.pipelines.demo.scenes import draw, make_scene

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")
_SCENES = 200
_QUALITY = 90


def photograph_folder(home: str) -> str:
    """Returns the folder that the variable PHOTOS names; without it, draws scenes into one.

    Args:
        home: a folder in which drawn scenes find a place.

    Raises:
        SystemExit: PHOTOS names no folder with images; the message is one line.
    """
    named = os.environ.get("PHOTOS")
    if not named:
        print("bench: no photographs here, so scenes are drawn; PHOTOS=DIR names a folder of real ones", flush=True)
        return draw_scenes(Path(home) / "photographs", _SCENES)
    if not photograph_files(named):
        raise SystemExit(f"bench: PHOTOS={named}: no {', '.join(EXTENSIONS)} files there")
    return named


def photograph_files(folder: str) -> list[Path]:
    """Lists a folder's images, by name; nothing where there is no such folder."""
    paths = Path(folder).iterdir() if Path(folder).is_dir() else ()
    return sorted(path for path in paths if path.suffix.lower() in EXTENSIONS)


def draw_scenes(folder: Path, count: int) -> str:
    """Draws scenes into a new folder, `0000.jpg` and so on, of the seeds from 0 on; returns its path."""
    folder.mkdir()
    for seed in range(count):
        scene = np.ascontiguousarray(draw(make_scene(Random(seed)))[..., ::-1])
        cv2.imwrite(str(folder / f"{seed:04d}.jpg"), scene, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return str(folder)
