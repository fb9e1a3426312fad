from random import Random

import pyarrow as pa
import pytest

from babelsift.filters.language import LanguageIdentifier
from babelsift.filters.text import is_not_boilerplate, is_not_filename
from babelsift.pipelines.demo.captions import (
    boilerplate_caption,
    caption,
    filename_caption,
    languages,
    noise_caption,
    noise_languages,
    templates,
)
from babelsift.pipelines.demo.scenes import COLOURS, OUTLINES, TEXTURES, Background, Scene, Shape, make_scene
from babelsift.pipelines.recipes.presets import load_recipe


def scene_of(*nouns, texture="stripes"):
    shapes = tuple(Shape(kind, colour, COLOURS[colour], 0.5, 0.5, 0.5, 0.0) for colour, kind in nouns)
    return Scene(400, 400, shapes, Background(texture, ((0, 0, 0), (9, 9, 9)), 0.0, 40.0, seed=0))


@pytest.mark.parametrize(
    ("code", "noun", "text"),
    [
        ("en", ("orange", "star"), "A picture of an orange star on a striped background"),
        ("de", ("blue", "square"), "Auf dem Bild: ein blaues Quadrat vor gestreiftem Hintergrund"),
        ("de", ("green", "arrow"), "Auf dem Bild: ein grüner Pfeil vor gestreiftem Hintergrund"),
        ("fr", ("white", "star"), "Un dessin avec une étoile blanche sur un fond rayé"),
        ("es", ("red", "crescent"), "Un dibujo con una media luna roja sobre un fondo de rayas"),
        ("nl", ("red", "heart"), "Een tekening van een rood hart op een gestreepte achtergrond"),
        ("pl", ("blue", "heart"), "Na obrazku: niebieskie serce na tle w paski"),
        ("ru", ("blue", "ring"), "На картинке: синее кольцо на полосатом фоне"),
        ("ar", ("red", "circle"), "في الصورة دائرة حمراء على خلفية مخططة"),
        ("he", ("blue", "ring"), "בתמונה רואים טבעת כחולה על רקע מפוספס"),
        ("zh", ("red", "heart"), "条纹背景上有一个红色的爱心"),
    ],
)
def test_colours_agree_with_their_nouns(code, noun, text):
    assert caption(scene_of(noun), code, 0, Random(0)) == text


def test_lists_are_joined_as_the_language_does():
    scene = scene_of(("red", "circle"), ("blue", "star"), ("black", "ring"))
    assert caption(scene, "en", 2, Random(1)).count(", ") == 1
    assert " and " in caption(scene, "en", 2, Random(1))
    assert len({caption(scene, "en", 2, Random(seed)) for seed in range(40)}) == 6  # every order of three


@pytest.mark.parametrize("code", languages())
def test_every_word_is_there_and_distinct(code):
    words = languages()[code]
    phrases = {words.noun_phrase(colour, kind) for colour in COLOURS for kind in OUTLINES}
    assert len(phrases) == len(COLOURS) * len(OUTLINES)
    assert len({words.backgrounds[texture] for texture in TEXTURES}) == len(TEXTURES)
    assert templates(code) >= 2


def test_the_recipe_keeps_the_demos_languages():
    assert set(load_recipe("demo").language.keep) == set(languages())


def test_languages_are_many_and_in_many_scripts():
    assert len(languages()) >= 12
    assert {"en", "ru", "ar", "he", "hi", "ja", "ko", "zh"} <= set(languages())
    assert not set(languages()) & set(noise_languages())


def test_captions_are_detected_as_their_language():
    written = [
        (caption(make_scene(Random(f"{index}/{code}")), code, index % templates(code), Random(index)), code)
        for code in languages()
        for index in range(60)
    ]
    found = LanguageIdentifier().identify(pa.array([text for text, _ in written])).column("language").to_pylist()
    for code in languages():
        right = [got == code for got, (_, wanted) in zip(found, written, strict=True) if wanted == code]
        assert sum(right) >= 0.97 * len(right), code


def test_noise_is_detected_as_no_kept_language():
    texts = pa.array([noise_caption(Random(seed))[0] for seed in range(150)])
    assert not set(LanguageIdentifier().identify(texts).column("language").to_pylist()) & set(languages())


def test_what_is_no_caption_is_recognised():
    boilerplate = pa.array([boilerplate_caption(Random(seed)) for seed in range(200)])
    filenames = pa.array([filename_caption(Random(seed)) for seed in range(200)])
    assert is_not_boilerplate(boilerplate).true_count <= 0.05 * len(boilerplate)
    for text, no_name, no_phrase in zip(
        filenames.to_pylist(),
        is_not_filename(filenames).to_pylist(),
        is_not_boilerplate(filenames).to_pylist(),
        strict=True,
    ):
        assert not (no_name and no_phrase), text
