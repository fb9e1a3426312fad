"""The language of real alt-text: 597 rows of a public sample of LAION, labelled by hand in one reading.

A row is a stratum, the languages that may be said of it (`?`: it is only names), and the caption. Strata are what was
drawn from: A: the version of 2026-11-30 said another language in Latin script than English; B: it said English, and
lid.176 alone did not; C: both said English. Weights make of the rows the ten thousand that they were drawn from.
"""

from pathlib import Path

import pyarrow as pa
import pytest

from babelsift.filters.language import LanguageIdentifier

ROWS = [
    line.split("\t")
    for line in Path(__file__).with_name("data").joinpath("web_alt_text.tsv").read_text(encoding="utf-8").splitlines()
]
DRAWN_FROM = {"A": 848, "B": 506, "C": 8541}
WEIGHTS = {stratum: population / sum(row[0] == stratum for row in ROWS) for stratum, population in DRAWN_FROM.items()}
NOT_LATIN = {"ru", "uk", "bg", "ja", "zh", "ko", "el", "ar", "fa", "th", "hi", "bn", "he"}


def answers(**settings):
    captions = pa.array([caption for _, _, caption in ROWS])
    return LanguageIdentifier(**settings).identify(captions).column("language").to_pylist()


@pytest.fixture(scope="module")
def found():
    return answers()


def share(cases):
    return sum(weight for weight, is_right in cases if is_right) / sum(weight for weight, _ in cases)


def weighed(languages):
    """Yields (weight, the languages that may be said, the one that was said)."""
    for (stratum, labels, _), language in zip(ROWS, languages, strict=True):
        if labels != "?":
            yield WEIGHTS[stratum], labels.split("|"), language


def test_what_is_said_to_be_another_latin_language_mostly_is(found):
    others = [(w, said in may) for w, may, said in weighed(found) if said not in {"en", "und", *NOT_LATIN}]
    assert len(others) > 60
    assert share(others) >= 0.85


def test_english_and_other_languages_are_found(found):
    assert share([(w, said == "en") for w, may, said in weighed(found) if may == ["en"]]) >= 0.99
    assert share([(w, said in may) for w, may, said in weighed(found) if "en" not in may]) >= 0.41


def test_gains_outweigh_losses_against_the_raw_model(found):
    gains = losses = 0.0
    for (weight, may, ours), (_, _, raw) in zip(weighed(found), weighed(answers(raw=True)), strict=True):
        gains += weight * (ours in may and raw not in may)
        losses += weight * (raw in may and ours not in may)
    assert gains >= 9 * losses
