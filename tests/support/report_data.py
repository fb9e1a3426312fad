"""What a report is made of, small and whole: numbers, samples, and texts that attack the page."""

from __future__ import annotations

from html.parser import HTMLParser

import cv2
import numpy as np

from babelsift.pipelines.rendering import ReportData, Sample
from babelsift.schemas import STAGE_ORDER, Funnel, recipe_from


class Page(HTMLParser):
    """The page as a browser sees it: elements with their attributes, and the text outside style sheets."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self._in_style = [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_endtag(self, tag):
        self._in_style = False

    def handle_data(self, data):
        if not self._in_style:
            self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split()).replace("_ ", "_")  # which the page may break there


UID = "0123456789abcdef0123456789abcdef"
HOSTILE = "</style></title><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>\"'><b>&amp;"


def recipe(**settings):
    return recipe_from({"name": "test-recipe", **settings}, source="test")


def funnel(rows, *, rejected=None, languages=("en",)):
    """`rows` go in; `rejected` is stage -> reason -> rows, taken from the first language from the language stage on."""
    counts, left, first = {}, rows, {}
    for stage in (stage.value for stage in STAGE_ORDER):
        if stage == "language":
            shares = np.array_split(np.arange(left), len(languages))
            first = {language: len(share) for language, share in zip(languages, shares, strict=True)}
        gone = (rejected or {}).get(stage, {})
        put(counts, stage, "in", first, left)
        for reason, number in gone.items():
            counts[stage, reason, languages[0] if first else ""] = number
            left -= number
            if first:
                first = {**first, languages[0]: first[languages[0]] - number}
        put(counts, stage, "out", first, left)
    return Funnel.from_counts(counts).check()


def put(counts, stage, outcome, by_language, rows):
    for language, number in (by_language or {"": rows}).items():
        counts[stage, outcome, language] = number


def jpeg():
    return cv2.imencode(".jpg", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()


def histogram(center, rows=200):
    scores = np.random.default_rng(0).normal(center, 0.03, rows)
    bins, counts = np.unique(np.floor((scores + 1) / 2e-4).astype(int), return_counts=True)
    return dict(zip(bins.tolist(), counts.tolist(), strict=True))


def full_data():
    clip = {"model": "ViT-B-32", "pretrained": "x", "name": "b32"}
    return ReportData(
        recipe=recipe(clip=[clip, {"model": "other"}], select={"min_similarity": {"en": 0.28, "default": 0.26}}),
        funnel=funnel(
            1000, rejected={"rules": {"too_few_characters": 100}, "select": {"similarity_too_low": 50}},
            languages=("en", "de", "zh"),
        ),
        facts={"input": "pairs.parquet"},
        score_histograms={
            "similarity_b32": {"en": histogram(0.3), "de": histogram(0.27)},
            "similarity_other": {"en": histogram(0.1)},
        },
        bin_width=2e-4,
        samples=[
            Sample("shard", None, UID, "https://a.example/1.jpg", "a cat", "en", similarity=0.3125, image=jpeg(),
                   image_extension="jpg"),
            Sample("select", "similarity_too_low", UID, "http://b.example/2.jpg", "ein Hund", "de", "0.21", "0.26",
                   0.21, jpeg(), "jpg"),
            Sample("rules", "too_few_characters", UID, "http://b.example/3.jpg", "x", None, "1", "5"),
        ],
    )  # fmt: skip


def hostile_data():
    sample = {"uid": HOSTILE, "caption": HOSTILE, "language": HOSTILE, "value": HOSTILE, "threshold": HOSTILE}
    urls = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "vbscript:x",
        "//evil.example/x",
        'https://evil.example/"onmouseover="alert(1)',
        "https://evil.example/'><script>alert(1)</script>",
        "http://[::1",
        "\x00\x1bhttps://evil.example/\ud800",
        "https://evil.example/\u202egpj.exe",
    ]
    samples = [
        Sample(stage, reason, url=url, image=image, image_extension=HOSTILE if image else None, **sample)
        for url in urls
        for stage, reason, image in (("shard", None, jpeg()), (HOSTILE, HOSTILE, None))
    ]
    return ReportData(
        recipe=recipe(description=HOSTILE, download={"contact": HOSTILE}),
        funnel=funnel(3, languages=(HOSTILE,), rejected={"rules": {HOSTILE: 1}}),
        facts={HOSTILE: HOSTILE},
        score_histograms={f"similarity_{HOSTILE}": {HOSTILE: histogram(0.2), "中文$x$": histogram(0.2)}},
        samples=samples,
    )


def sample(number, stage="shard", reason=None, **fields):
    return Sample(
        stage, reason, f"{number:032x}", f"https://a.example/{number}.jpg", f"caption {number}", "en", **fields
    )
