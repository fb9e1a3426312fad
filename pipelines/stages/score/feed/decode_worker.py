"""A process that decodes images out of shared memory into it, and ends with the process that started it.

It is told of slabs, then of images in them: where their bytes lie, and where there is room for their pixels. It answers
where each image's pixels are, and of which size, or what is wrong with it.
"""

from __future__ import annotations

import socket
import warnings
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image

from babelsift.filters.clip.pixels.decode import MAX_WHOLE_PIXELS, decode
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.pipelines.processes import end_with_parent
from babelsift.pipelines.stages.score.feed.messages import receive, send
from babelsift.pipelines.stages.score.feed.slabs import map_memory

Decoded = list[int] | str


def serve(parent: int, channel_file: int) -> None:
    """Answers until the other side is gone.

    Args:
        parent: process id of the parent, which started this process by `start_child`.
        channel_file: file descriptor of a stream socket to the parent.
    """
    end_with_parent(parent)
    channel = socket.socket(fileno=channel_file)
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    cv2.setNumThreads(1)
    slabs: dict[int, np.ndarray] = {}
    try:
        send(channel, "ready")
        while True:
            message, file = receive(channel)
            if file is not None:
                slabs[message["slab"]] = map_memory(file, message["size"])
            else:
                send(channel, decode_into(slabs[message["slab"]], message))
    except (EOFError, OSError):
        return


def decode_into(memory: np.ndarray, task: dict[str, Any]) -> list[Decoded]:
    """Decodes images whose bytes lie in the memory into that memory; see `decode_images`.

    Args:
        memory: uint8[any].
        task: as there, and "images", [start, size] of the bytes of each.
    """
    return decode_images([memory[start : start + size].data for start, size in task["images"]], memory, task)


def decode_images(
    images: Sequence[bytes | memoryview | None], memory: np.ndarray, task: dict[str, Any]
) -> list[Decoded]:
    """Returns [start, height, width] of each image's pixels in the memory, or "image: ..." and its fault.

    Args:
        images: encoded JPEG, PNG or WebP.
        memory: uint8[any].
        task: "room", [start, end] for their pixels, enough for all of them cut out; "geometry", the fields of a
            `Geometry`; "leave_whole", whether images may be whole where there is room.
    """
    geometry = Geometry(**task["geometry"])
    cut_bytes = geometry.height * geometry.width * 3
    at, end = task["room"]
    decoded: list[Decoded] = []
    for left, image in zip(reversed(range(len(images))), images, strict=True):
        most = min(MAX_WHOLE_PIXELS, (end - at - left * cut_bytes) // 3) if task["leave_whole"] else 0
        pixels = decode(image, geometry, max_whole_pixels=most, into=memory[at:end])
        if isinstance(pixels, str):
            decoded.append(pixels)
            continue
        decoded.append([at, pixels.shape[0], pixels.shape[1]])
        at += pixels.size
    return decoded
