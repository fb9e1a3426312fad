"""Scenes: one to three coloured shapes on a textured background, described without pixels and drawn on request.

Equal descriptions are drawn to equal pixels. Every background is shaded by a light of its own, so that perceptual
hashes, which see low frequencies, tell any two scenes apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import cv2
import numpy as np

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (215, 30, 35),
    "orange": (250, 135, 20),
    "yellow": (250, 225, 40),
    "green": (30, 150, 60),
    "blue": (35, 80, 220),
    "purple": (125, 45, 170),
    "pink": (250, 130, 185),
    "brown": (115, 65, 25),
    "black": (15, 15, 15),
    "white": (252, 252, 252),
}
TEXTURES = ("stripes", "checks", "dots", "waves", "gradient", "marble", "noise")

# Diameter as a share of the shorter side, by how many shapes share the scene.
_DIAMETERS = {1: (0.42, 0.70), 2: (0.32, 0.46), 3: (0.27, 0.36)}
_MAX_TILT = math.radians(18)  # a square tilted further reads as a diamond
_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Shape:
    """One shape; centre as shares of width and height, diameter as a share of the shorter side."""

    kind: str
    colour: str
    rgb: tuple[int, int, int]
    x: float
    y: float
    diameter: float
    tilt_radians: float


@dataclass(frozen=True)
class Background:
    """A texture in two pale or greyish colours; period in px."""

    texture: str
    rgb: tuple[tuple[int, int, int], tuple[int, int, int]]
    angle_radians: float
    period: float
    seed: int


@dataclass(frozen=True)
class Scene:
    """A picture without its pixels; width and height in px."""

    width: int
    height: int
    shapes: tuple[Shape, ...]
    background: Background

    @property
    def nouns(self) -> frozenset[tuple[str, str]]:
        """The (colour, shape) pairs in the scene."""
        return frozenset((shape.colour, shape.kind) for shape in self.shapes)

    def is_unlike(self, other: Scene) -> bool:
        """Whether the scenes share neither a colour nor a kind of shape: no caption of one is true of the other."""
        words, others = ({word for noun in scene.nouns for word in noun} for scene in (self, other))
        return not words & others


def make_scene(rng: Random) -> Scene:
    """Returns a scene drawn from `rng`; its shapes differ in colour and in kind and do not hide each other."""
    width, height = rng.randint(320, 500), rng.randint(320, 500)
    count = rng.choices((1, 2, 3), weights=(30, 45, 25))[0]
    kinds, colours = rng.sample(list(OUTLINES), count), rng.sample(list(COLOURS), count)
    discs = _places(rng, count, width, height)
    shapes = tuple(
        Shape(kind, colour, _jitter(COLOURS[colour], rng, 12), *disc, rng.uniform(-_MAX_TILT, _MAX_TILT))
        for kind, colour, disc in zip(kinds, colours, discs, strict=True)
    )
    return Scene(width, height, shapes, _make_background(rng))


def draw(scene: Scene) -> np.ndarray:
    """Returns the scene as uint8[height, width, 3], RGB."""
    image = _draw_background(scene)
    for shape in scene.shapes:
        _draw_shape(image, shape)
    return image


def _draw_shape(image: np.ndarray, shape: Shape) -> None:
    height, width = image.shape[:2]
    radius = shape.diameter * min(height, width) / 2
    centre = np.array([shape.x * width, shape.y * height])
    # Only the square around the shape is blended, with room for the corners that tilting turns outwards.
    left, top = (max(0, int(edge)) for edge in centre - 1.1 * radius - 1)
    right, bottom = (int(edge) for edge in centre + 1.1 * radius + 2)
    region = image[top:bottom, left:right]
    cos, sin = math.cos(shape.tilt_radians), math.sin(shape.tilt_radians)
    position = centre - (left, top)
    outlines = [
        np.round((outline @ np.array([[cos, sin], [-sin, cos]]) * radius + position) * (1 << _SUBPIXEL_BITS)).astype(
            np.int32
        )
        for outline in OUTLINES[shape.kind]
    ]
    mask = np.zeros(region.shape[:2], np.uint8)
    # One call for all outlines: fillPoly fills by parity, which leaves the ring's hole open.
    cv2.fillPoly(mask, outlines, 255, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    weight = (mask.astype(np.float32) / 255)[..., None]
    region[...] = np.round(region + weight * (np.array(shape.rgb, np.float32) - region))


def _places(rng: Random, count: int, width: int, height: int) -> list[tuple[float, float, float]]:
    shorter = min(width, height)
    while True:
        discs: list[tuple[float, float, float]] = []
        for _ in range(count):
            diameter = rng.uniform(*_DIAMETERS[count])
            margin_x, margin_y = diameter * shorter / 2 / width + 0.01, diameter * shorter / 2 / height + 0.01
            discs.append((rng.uniform(margin_x, 1 - margin_x), rng.uniform(margin_y, 1 - margin_y), diameter))
        if all(
            math.hypot((a[0] - b[0]) * width, (a[1] - b[1]) * height) > (a[2] + b[2]) / 2 * shorter
            for index, a in enumerate(discs)
            for b in discs[:index]
        ):
            return discs


def _jitter(rgb: tuple[int, int, int], rng: Random, by: int) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, value + rng.randint(-by, by))) for value in rgb)
    return red, green, blue


def _make_background(rng: Random) -> Background:
    """Two greyish colours far enough apart in brightness for the texture to be seen, and from black and white."""
    dark, light = rng.randint(95, 135), rng.randint(165, 205)
    return Background(
        texture=rng.choice(TEXTURES),
        rgb=(_jitter((dark, dark, dark), rng, 18), _jitter((light, light, light), rng, 18)),
        angle_radians=rng.uniform(0, math.pi),
        period=rng.uniform(26, 60),
        seed=rng.getrandbits(32),
    )


def _draw_background(scene: Scene) -> np.ndarray:
    background = scene.background
    noise = np.random.Generator(np.random.PCG64(background.seed))
    y, x = np.arange(scene.height, dtype=np.float32)[:, None], np.arange(scene.width, dtype=np.float32)
    unit = 2 * math.pi / background.period
    cos, sin = (
        np.float32(math.cos(background.angle_radians) * unit),
        np.float32(math.sin(background.angle_radians) * unit),
    )
    share = _TEXTURES[background.texture](x * cos + y * sin, y * cos - x * sin, noise)
    light = 1 + 0.22 * _smooth_noise(noise, share.shape, cells=5)
    grain = noise.integers(-4, 5, share.shape, dtype=np.int8)
    channels = []
    for first, second in zip(*background.rgb, strict=True):
        channel = share * np.float32(second - first)
        channel += first
        channel *= light
        channel += grain
        channels.append(cv2.convertScaleAbs(channel))  # rounds, and clips at 255
    return cv2.merge(channels)


def _smooth_noise(noise: np.random.Generator, shape: tuple[int, int], *, cells: int) -> np.ndarray:
    """Returns float32[shape] of smooth values around 0, mostly within -1 and 1."""
    coarse = noise.uniform(-1.2, 1.2, (cells, cells)).astype(np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def _edge(wave: np.ndarray) -> np.ndarray:
    """Returns a sine as a square wave with soft edges, 0 to 1."""
    return np.clip(wave * 4 + 0.5, 0, 1)


def _gradient(along: np.ndarray, across: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    return (along - along.min()) / (along.max() - along.min())


def _marble(along: np.ndarray, across: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    veins = sum(_smooth_noise(noise, along.shape, cells=cells) * weight for cells, weight in ((7, 4.0), (16, 1.6)))
    return 1 - np.abs(np.sin(veins + along * 0.25)) ** 0.5


def _grainy(along: np.ndarray, across: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    height, width = along.shape
    grain = noise.random((height // 4 + 1, width // 4 + 1), dtype=np.float32)
    return cv2.resize(grain, (width, height), interpolation=cv2.INTER_NEAREST)


_TEXTURES: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]] = {
    "stripes": lambda along, across, noise: _edge(np.sin(along)),
    "checks": lambda along, across, noise: _edge(np.sin(along) * np.sin(across) * 2),
    "dots": lambda along, across, noise: _edge(np.cos(along) + np.cos(across) - 1.1),
    "waves": lambda along, across, noise: _edge(np.sin(along + 1.8 * np.sin(across * 0.6))),
    "gradient": _gradient,
    "marble": _marble,
    "noise": _grainy,
}


def _regular(corners: int, radii: tuple[float, ...] = (1.0,)) -> np.ndarray:
    """Returns the corners of a polygon around 0, the first at the top, at the given distances in turn."""
    angles = np.arange(corners) * (2 * math.pi / corners) - math.pi / 2
    distance = np.resize(np.array(radii), corners)
    return np.stack([np.cos(angles) * distance, np.sin(angles) * distance], axis=1)


def _heart() -> np.ndarray:
    t = np.linspace(0, 2 * math.pi, 80, endpoint=False)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([16 * np.sin(t) ** 3, -y - 2.5], axis=1) / 17


def _crescent() -> np.ndarray:
    outer = np.linspace(math.radians(50), math.radians(310), 60)
    tips_x, tips_y = math.cos(outer[0]), math.sin(outer[0])
    centre = 0.62
    half = math.atan2(tips_y, tips_x - centre)
    inner = np.linspace(2 * math.pi - half, half, 40)
    radius = math.hypot(tips_x - centre, tips_y)
    arcs = [(np.cos(outer), np.sin(outer)), (centre + radius * np.cos(inner), radius * np.sin(inner))]
    return np.concatenate([np.stack(arc, axis=1) for arc in arcs]) + np.array([0.15, 0])


def _polygon(*corners: tuple[float, float]) -> np.ndarray:
    return np.array(corners)


# What each kind looks like around 0, y downwards, in one or more closed outlines: of reach 1, or nearly.
OUTLINES: dict[str, tuple[np.ndarray, ...]] = {
    "circle": (_regular(90) * 0.92,),
    "square": (_polygon((-0.78, -0.78), (0.78, -0.78), (0.78, 0.78), (-0.78, 0.78)),),
    "triangle": (_regular(3),),
    "star": (_regular(10, (1.0, 0.4)),),
    "ring": (_regular(90) * 0.95, _regular(90) * 0.55),
    "heart": (_heart(),),
    "cross": (
        _polygon(
            (-0.28, -0.92), (0.28, -0.92), (0.28, -0.28), (0.92, -0.28), (0.92, 0.28), (0.28, 0.28),
            (0.28, 0.92), (-0.28, 0.92), (-0.28, 0.28), (-0.92, 0.28), (-0.92, -0.28), (-0.28, -0.28),
        ),
    ),
    "hexagon": (_regular(6) * 0.95,),
    "crescent": (_crescent(),),
    "arrow": (
        _polygon((-0.95, -0.22), (0.1, -0.22), (0.1, -0.62), (0.97, 0), (0.1, 0.62), (0.1, 0.22), (-0.95, 0.22)),
    ),
}  # fmt: skip
