"""What the demo's web says of its images: true captions in many languages, and the kinds of text that are no captions.

The words are in `phrases.yaml` and `noise.yaml` beside this module. A language there has
    noun_phrases  gender -> how a colour and a shape are put together
    colours       colour -> its form, or its forms by gender in the order of `noun_phrases`
    shapes        shape -> gender, space, noun
    backgrounds   texture -> phrase
    joins         between the shapes of a list, and before the last
    templates     sentences around {shapes} and {background}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random

import yaml

from babelsift.pipelines.demo.scenes import Scene

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Language:
    """One language's words for what a scene can hold."""

    noun_phrases: Mapping[str, str]
    colours: Mapping[str, str | list[str]]
    shapes: Mapping[str, str]
    backgrounds: Mapping[str, str]
    joins: tuple[str, str]
    templates: tuple[str, ...]

    def noun_phrase(self, colour: str, shape: str) -> str:
        """Returns a shape with its colour, in the right gender."""
        gender, noun = self.shapes[shape].split(" ", 1)
        forms = self.colours[colour]
        form = forms if isinstance(forms, str) else forms[list(self.noun_phrases).index(gender)]
        return self.noun_phrases[gender].format(colour=form, shape=noun)

    def join(self, phrases: list[str]) -> str:
        """Returns the phrases as the language lists them."""
        between, last = self.joins
        return between.join(phrases[:-1]) + (last if len(phrases) > 1 else "") + phrases[-1]


@lru_cache(maxsize=1)
def languages() -> dict[str, Language]:
    """Returns the languages of the demo's true captions by ISO 639-1 code."""
    content = yaml.safe_load((_FOLDER / "phrases.yaml").read_text(encoding="utf-8"))
    return {code: Language(**words) for code, words in content.items()}


@lru_cache(maxsize=1)
def _noise() -> dict[str, dict[str, list[str]]]:
    return yaml.safe_load((_FOLDER / "noise.yaml").read_text(encoding="utf-8"))


def noise_languages() -> tuple[str, ...]:
    """Returns the languages of `noise_caption`, none of which is one of `languages`."""
    return tuple(_noise()["other_languages"])


def templates(code: str) -> int:
    """Returns how many templates a language has."""
    return len(languages()[code].templates)


def caption(scene: Scene, code: str, template: int, rng: Random) -> str:
    """Returns a true caption of a scene; the order in which its shapes are named is drawn from `rng`."""
    words = languages()[code]
    shapes = [words.noun_phrase(shape.colour, shape.kind) for shape in scene.shapes]
    rng.shuffle(shapes)
    text = words.templates[template].format(
        shapes=words.join(shapes), background=words.backgrounds[scene.background.texture]
    )
    return text[0].upper() + text[1:]


def noise_caption(rng: Random) -> tuple[str, str]:
    """Returns (a caption in a language that the demo does not keep, that language)."""
    code = rng.choice(noise_languages())
    return rng.choice(_noise()["other_languages"][code]), code


def boilerplate_caption(rng: Random) -> str:
    """Returns a text that pages put in place of a caption, in one of several languages."""
    return rng.choice(_noise()["boilerplate"]["texts"])


def filename_caption(rng: Random) -> str:
    """Returns a text that is an image's file name."""
    pattern = rng.choice(_noise()["filenames"]["patterns"])
    return pattern.format(number=rng.randrange(10_000), serial=rng.randrange(10**8), hex=rng.getrandbits(64))
