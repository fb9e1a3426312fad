"""DataComp's baselines as the oracle: what its own functions keep when they are given the lid.176.ftz that ships.

data/datacomp_facts.jsonl.xz has a line a caption: the caption, the label that `get_fasttext_language` gives, whether
the text half of `load_uids_with_basic_filter_helper` keeps it, and whether `caption_filter` does. The functions are
those of mlfoundations/datacomp (MIT), baselines/apply_filter.py at commit 4a8df199. The captions are 10 000 alt-texts of
LAION, from the test files of rom1504/img2dataset (MIT), each once, and two dozen odd ones before them.
"""

import json
import lzma
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.language import LanguageIdentifier, normalise_language
from babelsift.filters.rules import reject_by_captions, reject_by_language
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.schemas import Decision

FACTS = Path(__file__).parent / "data" / "datacomp_facts.jsonl.xz"


@pytest.fixture(scope="module")
def facts():
    with lzma.open(FACTS, "rt", encoding="utf-8") as lines:
        captions, languages, basic, image_based = zip(*map(json.loads, lines), strict=True)
    return pa.array(captions), languages, np.array(basic), np.array(image_based)


@pytest.fixture(scope="module")
def identified(facts):
    return LanguageIdentifier(raw=True).identify(facts[0])


def differing(captions, found, expected):
    return [captions[row].as_py() for row in np.flatnonzero(found != expected)]


def test_a_raw_language_is_the_models_own_first_label(facts, identified):
    captions, languages, _, _ = facts
    expected = np.array([normalise_language({"als": "gsw"}.get(language, language)) for language in languages])
    assert differing(captions, np.array(identified["language"].to_pylist()), expected) == []


def test_datacomp_basic_keeps_the_captions_that_datacomp_keeps(facts, identified):
    captions, _, basic, _ = facts
    recipe, decision = load_recipe("datacomp-basic"), Decision.keep_all(len(facts[0]))
    assert recipe.language.raw
    assert recipe.language.model is None
    reject_by_captions(captions, recipe.captions, decision)
    reject_by_language(captions, *identified.columns, recipe.language, decision)
    assert differing(captions, decision.kept, basic) == []
    assert basic.sum() > 8000


def test_datacomp_1b_keeps_the_captions_that_datacomp_keeps(facts, identified):
    captions, _, _, image_based = facts
    recipe, decision = load_recipe("datacomp-1b"), Decision.keep_all(len(facts[0]))
    assert recipe.language.raw
    rule = recipe.select.all_of[1]
    reject_by_captions(captions, rule.captions, decision)
    assert rule.languages == ("en",)
    found = decision.kept & (np.array(identified["language"].to_pylist()) == "en")
    assert differing(captions, found, image_based) == []
    assert image_based.sum() > 8000


def test_a_raw_identifier_says_und_of_no_caption_and_scores_what_the_model_says():
    found = LanguageIdentifier(raw=True).identify(pa.array(["a black dog in the snow", None]))
    assert found["language"].to_pylist() == ["en", "und"]
    assert 0.5 < found["language_score"][0].as_py() <= 1
    assert found["language_score"][1].as_py() == 0


def test_a_raw_identifier_may_give_any_language_of_its_model():
    languages = LanguageIdentifier(raw=True).languages
    assert {"en", "zh", "war", "und"} <= languages
    assert "nqo" not in languages
