"""The demo's web: pairs of image and alt-text of which the truth is known, with the faults that the real web has.

Everything follows from a seed. Images exist as descriptions only and are drawn when they are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from random import Random

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.demo.captions import (
    boilerplate_caption,
    caption,
    filename_caption,
    languages,
    noise_caption,
    templates,
)
from babelsift.pipelines.demo.scenes import Scene, draw, make_scene


class Kind(str, Enum):
    """What is the matter with a pair."""

    GOOD = "good"
    GOOD_AFTER_RETRY = "good_after_retry"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    MISMATCHED = "mismatched"
    FILENAME_CAPTION = "filename_caption"
    BOILERPLATE_CAPTION = "boilerplate_caption"
    WRONG_LANGUAGE = "wrong_language"
    HTTP_404 = "http_404"
    HTTP_500 = "http_500"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    HTML_AS_IMAGE = "html_as_image"
    TINY = "tiny"
    EXTREME_ASPECT = "extreme_aspect"
    OPTED_OUT = "opted_out"


class Answer(str, Enum):
    """What the server does when a path is asked for."""

    IMAGE = "image"
    IMAGE_AFTER_503 = "image_after_503"  # the first request fails, later ones do not
    NOT_FOUND = "not_found"
    SERVER_ERROR = "server_error"
    HANG = "hang"  # accepts the request and never answers
    HANG_IN_BODY = "hang_in_body"  # sends half the image and nothing more
    CLOSE_IN_BODY = "close_in_body"  # announces the whole length, sends half and hangs up
    HALF_IMAGE = "half_image"  # announces half the length: only decoding shows it
    HTML = "html"  # a page that calls itself image/jpeg
    OPTED_OUT = "opted_out"  # the image, with X-Robots-Tag: noai


# Rows in a thousand; the rest is good. Few hang: each costs a run the whole of its timeout.
_SHARES = {
    Kind.GOOD_AFTER_RETRY: 10,
    Kind.EXACT_DUPLICATE: 40,
    Kind.NEAR_DUPLICATE: 80,
    Kind.MISMATCHED: 80,
    Kind.FILENAME_CAPTION: 30,
    Kind.BOILERPLATE_CAPTION: 30,
    Kind.WRONG_LANGUAGE: 40,
    Kind.HTTP_404: 30,
    Kind.HTTP_500: 10,
    Kind.TIMEOUT: 8,
    Kind.TRUNCATED: 16,
    Kind.HTML_AS_IMAGE: 10,
    Kind.TINY: 15,
    Kind.EXTREME_ASPECT: 10,
    Kind.OPTED_OUT: 10,
}
MIN_PAIRS = 100
_MAX_TIMEOUTS = 25
# The answers of a kind, in turn; kinds that are not here get their image.
_ANSWERS = {
    Kind.GOOD_AFTER_RETRY: (Answer.IMAGE_AFTER_503,),
    Kind.HTTP_404: (Answer.NOT_FOUND,),
    Kind.HTTP_500: (Answer.SERVER_ERROR,),
    Kind.TIMEOUT: (Answer.HANG, Answer.HANG_IN_BODY),
    Kind.TRUNCATED: (Answer.CLOSE_IN_BODY, Answer.HALF_IMAGE),
    Kind.HTML_AS_IMAGE: (Answer.HTML,),
    Kind.OPTED_OUT: (Answer.OPTED_OUT,),
}
_SIZES = {Kind.TINY: (20, 20), Kind.EXTREME_ASPECT: (1500, 150)}
_FOLDERS = ("images", "media", "wp-content/uploads/2019/07", "static/img", "photos", "cdn/a")
CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@dataclass(frozen=True)
class Resource:
    """What lies behind a path: a scene, how it is encoded, and how the server answers; width and height in px."""

    answer: Answer
    scene: Scene
    extension: str
    quality: int
    width: int
    height: int

    def encode(self) -> bytes:
        """Returns the image file: equal bytes for equal resources."""
        image = draw(self.scene)
        if image.shape[:2] != (self.height, self.width):
            smaller = self.width * self.height < image.shape[0] * image.shape[1]
            how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
            image = cv2.resize(image, (self.width, self.height), interpolation=how)
        flag = {"jpg": cv2.IMWRITE_JPEG_QUALITY, "webp": cv2.IMWRITE_WEBP_QUALITY}.get(self.extension)
        encoded = cv2.imencode(f".{self.extension}", image[..., ::-1], [flag, self.quality] if flag is not None else [])
        return encoded[1].tobytes()


@dataclass(frozen=True)
class Pair:
    """One row of the demo's table and its truth. Pairs of one cluster show the same scene."""

    path: str
    caption: str
    language: str
    kind: Kind
    cluster: int
    page_rank: float


@dataclass(frozen=True)
class DemoWeb:
    """The pairs in the order of their rows, and what the server answers on each path."""

    seed: int
    pairs: tuple[Pair, ...]
    resources: dict[str, Resource]


def build_web(seed: int, pairs: int = 3000) -> DemoWeb:
    """Returns the web of a seed; equal arguments give equal webs.

    Raises:
        ValueError: pairs too few for one of each kind.
    """
    if pairs < MIN_PAIRS:
        raise ValueError(f"a demo web needs at least {MIN_PAIRS} pairs for one of each kind, got {pairs}")
    return _Builder(seed).build(pairs)


def kind_counts(pairs: int) -> dict[Kind, int]:
    """Returns how many of so many rows are of each kind."""
    counts = {kind: max(2 if kind in _ANSWERS else 1, pairs * share // 1000) for kind, share in _SHARES.items()}
    counts[Kind.TIMEOUT] = min(counts[Kind.TIMEOUT], _MAX_TIMEOUTS)
    return {Kind.GOOD: pairs - sum(counts.values()), **counts}


def write_table(web: DemoWeb, path: Path | str, base_url: str) -> None:
    """Writes the pairs as a crawl would: parquet with URL, TEXT and two columns of the page; not the truth."""
    table = {
        "URL": pa.array([base_url + pair.path for pair in web.pairs], pa.string()),
        "TEXT": pa.array([pair.caption for pair in web.pairs], pa.string()),
        "page_language": pa.array([pair.language for pair in web.pairs], pa.string()),
        "page_rank": pa.array([pair.page_rank for pair in web.pairs], pa.float32()),
    }
    pq.write_table(pa.table(table), path)


def truth_table(web: DemoWeb) -> pa.Table:
    """Returns the truth, one row a pair: source_row, path, caption, language, kind, cluster."""
    columns = {
        "source_row": pa.array(range(len(web.pairs)), pa.int64()),
        "path": pa.array([pair.path for pair in web.pairs], pa.string()),
        "caption": pa.array([pair.caption for pair in web.pairs], pa.string()),
        "language": pa.array([pair.language for pair in web.pairs], pa.string()),
        "kind": pa.array([pair.kind.value for pair in web.pairs], pa.string()),
        "cluster": pa.array([pair.cluster for pair in web.pairs], pa.int64()),
    }
    return pa.table(columns)


def write_truth(web: DemoWeb, path: Path | str) -> None:
    """Writes `truth_table` as parquet."""
    pq.write_table(truth_table(web), path)


class _Builder:
    """Draws pairs from one random stream; every scene is a cluster."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rng = Random(f"babelsift demo web {seed}")
        self._scenes: list[Scene] = []
        self._resources: dict[str, Resource] = {}
        self._pairs: list[Pair] = []
        self._templates: dict[int, tuple[str, int]] = {}  # cluster -> language and template of its first caption

    @cached_property
    def _wordings(self) -> list[tuple[str, int]]:
        return [(code, template) for code in languages() for template in range(templates(code))]

    def build(self, pairs: int) -> DemoWeb:
        counts = kind_counts(pairs)
        for _ in range(counts.pop(Kind.GOOD)):
            self._add(Kind.GOOD, self._new_scene())
        good = list(self._pairs)
        originals = self._rng.sample(good, min(len(good), counts[Kind.EXACT_DUPLICATE] + counts[Kind.NEAR_DUPLICATE]))
        for kind, count in counts.items():
            for number in range(count):
                if kind is Kind.EXACT_DUPLICATE:
                    self._repeat(originals.pop())
                elif kind is Kind.NEAR_DUPLICATE:
                    self._add(kind, originals.pop().cluster)
                else:
                    self._add(kind, self._new_scene(), number)
        self._rng.shuffle(self._pairs)
        return DemoWeb(self._seed, tuple(self._pairs), self._resources)

    def _new_scene(self) -> int:
        self._scenes.append(make_scene(self._rng))
        return len(self._scenes) - 1

    def _add(self, kind: Kind, cluster: int, number: int = 0) -> None:
        answers = _ANSWERS.get(kind, (Answer.IMAGE,))
        resource = self._resource(kind, self._scenes[cluster], answers[number % len(answers)])
        path = f"/{self._rng.choice(_FOLDERS)}/{self._rng.getrandbits(48):012x}.{resource.extension}"
        self._resources[path] = resource
        text, language = self._text(kind, cluster)
        self._pairs.append(Pair(path, text, language, kind, cluster, self._page_rank()))

    def _repeat(self, pair: Pair) -> None:
        again = Pair(pair.path, pair.caption, pair.language, Kind.EXACT_DUPLICATE, pair.cluster, self._page_rank())
        self._pairs.append(again)

    def _resource(self, kind: Kind, scene: Scene, answer: Answer) -> Resource:
        extension, quality, width, height = "jpg", self._rng.randint(75, 92), scene.width, scene.height
        if kind is Kind.NEAR_DUPLICATE:
            extension = self._rng.choice(("jpg", "jpg", "webp", "png"))
            quality = self._rng.randint(45, 95)
            if self._rng.random() < 0.6:
                scale = self._rng.uniform(0.5, 1.5)
                width, height = round(width * scale), round(height * scale)
        width, height = _SIZES.get(kind, (width, height))
        return Resource(answer, scene, extension, quality, width, height)

    def _text(self, kind: Kind, cluster: int) -> tuple[str, str]:
        """Returns (a caption, the language of its page)."""
        wording = self._rng.choice(self._wordings)
        if kind is Kind.FILENAME_CAPTION:
            return filename_caption(self._rng), wording[0]
        if kind is Kind.BOILERPLATE_CAPTION:
            return boilerplate_caption(self._rng), wording[0]
        if kind is Kind.WRONG_LANGUAGE:
            return noise_caption(self._rng)
        scene = self._scenes[cluster]
        if kind is Kind.MISMATCHED:
            scene = self._unlike(scene)
        while wording == self._templates.get(cluster):
            wording = self._rng.choice(self._wordings)
        self._templates.setdefault(cluster, wording)
        return caption(scene, *wording, self._rng), wording[0]

    def _unlike(self, scene: Scene) -> Scene:
        while True:
            other = make_scene(self._rng)
            if other.is_unlike(scene):
                return other

    def _page_rank(self) -> float:
        return float(np.float32(round(self._rng.paretovariate(1.5), 3)))
