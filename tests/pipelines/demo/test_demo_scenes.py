from random import Random

import cv2
import numpy as np
import pytest

from babelsift.filters.image import hamming_distances, hash_pixels
from babelsift.pipelines.demo.scenes import COLOURS, OUTLINES, TEXTURES, Background, Scene, Shape, draw, make_scene


def scenes(count, seed=0):
    return [make_scene(Random(f"{seed}/{index}")) for index in range(count)]


def test_equal_seeds_draw_equal_pixels():
    first, second = (draw(make_scene(Random(7))) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(cv2.resize(draw(make_scene(Random(8))), first.shape[1::-1]), first)


def test_a_drawing_has_the_size_of_its_scene():
    for scene in scenes(10):
        image = draw(scene)
        assert image.dtype == np.uint8
        assert image.shape == (scene.height, scene.width, 3)
        assert 300 <= min(image.shape[:2]) <= max(image.shape[:2]) <= 500


def test_every_colour_shape_and_texture_occurs():
    drawn = scenes(400)
    assert {shape.kind for scene in drawn for shape in scene.shapes} == set(OUTLINES)
    assert {shape.colour for scene in drawn for shape in scene.shapes} == set(COLOURS)
    assert {scene.background.texture for scene in drawn} == set(TEXTURES)
    assert {len(scene.shapes) for scene in drawn} == {1, 2, 3}


def one_shape(kind, tilt_radians=0.0):
    shape = Shape(kind, "red", COLOURS["red"], 0.5, 0.5, 0.6, tilt_radians)
    return Scene(400, 300, (shape,), Background("gradient", ((110, 110, 110), (190, 190, 190)), 0.4, 40.0, seed=1))


@pytest.mark.parametrize("kind", [kind for kind in OUTLINES if kind not in ("ring", "crescent")])
def test_a_solid_shape_covers_its_centre_in_its_colour(kind):
    assert tuple(draw(one_shape(kind))[150, 200]) == COLOURS["red"]


def test_the_ring_has_a_hole():
    image = draw(one_shape("ring")).astype(int)
    assert tuple(image[150, 200 + 68]) == COLOURS["red"]
    hole = image[150, 200]
    assert hole.max() - hole.min() < 40  # greyish: the background


@pytest.mark.parametrize("tilt_radians", [-0.3, 0.0, 0.3])
@pytest.mark.parametrize("kind", OUTLINES)
def test_a_shape_is_as_large_as_its_diameter(kind, tilt_radians):
    image = draw(one_shape(kind, tilt_radians)).astype(int)
    ys, xs = np.nonzero((image[..., 0] - image[..., 1] > 100) & (image[..., 0] > 180))
    reach = max(np.abs(xs - 200).max(), np.abs(ys - 150).max())
    assert 69 <= reach <= 95


def test_shapes_of_a_scene_do_not_overlap():
    for scene in scenes(200):
        shorter = min(scene.width, scene.height)
        places = [
            (shape.x * scene.width, shape.y * scene.height, shape.diameter * shorter / 2) for shape in scene.shapes
        ]
        for index, (x, y, radius) in enumerate(places):
            assert radius <= x <= scene.width - radius
            assert radius <= y <= scene.height - radius
            for other_x, other_y, other_radius in places[:index]:
                assert np.hypot(x - other_x, y - other_y) > radius + other_radius


def test_perceptual_hashes_tell_scenes_apart_and_copies_together():
    drawn = [draw(scene) for scene in scenes(50)]
    copies = [cv2.imdecode(cv2.imencode(".webp", cv2.resize(image, None, fx=0.6, fy=0.6))[1], 1) for image in drawn]
    hashes, copied = (
        np.stack([np.frombuffer(hash_pixels(image).phash, np.uint8) for image in images]) for images in (drawn, copies)
    )
    for index, one in enumerate(hashes):
        distances = hamming_distances(copied, one)
        assert distances[index] <= 20
        assert np.delete(distances, index).min() > 60


def test_unlike_scenes_share_no_word():
    first, *others = scenes(300)
    words = {word for noun in first.nouns for word in noun}
    for other in others:
        assert first.is_unlike(other) == words.isdisjoint(word for noun in other.nouns for word in noun)
