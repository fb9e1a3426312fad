"""What the input says of its texts' languages: replaced, believed, or checked."""

import pyarrow as pa
import pytest

from babelsift.pipelines.stages.language import IdentifyLanguage
from babelsift.schemas.recipe import LanguageSettings

GERMAN, ENGLISH = "Ein schwarzer Hund läuft im tiefen Schnee", "A black dog runs through the deep snow"
CAPTIONS = [GERMAN, ENGLISH, ENGLISH, GERMAN, "???", "DSC 01"]
SAID = ["de-AT", "de", None, "Deutsch", "fr", None]


def languages(outputs):
    """{source row: (language, score where it is told)}"""
    return {row["source_row"]: (row["language"], round(row["language_score"], 2)) for row in outputs.kept}


@pytest.fixture
def batch(read_rows):
    return read_rows(len(CAPTIONS), caption=CAPTIONS, text_language=SAID)


def found_alone(run_stage, batch):
    return languages(run_stage(IdentifyLanguage(LanguageSettings()), [batch]))


def test_by_default_what_is_found_replaces_what_is_said(run_stage, batch):
    found = found_alone(run_stage, batch)
    assert [language for language, _ in found.values()] == ["de", "en", "en", "de", "und", "und"]
    assert found == found_alone(run_stage, batch.drop_columns(["text_language"]))


def test_what_is_said_is_believed_and_found_only_where_nothing_is(run_stage, batch):
    found = found_alone(run_stage, batch)
    outputs = run_stage(IdentifyLanguage(LanguageSettings(source="believe")), [batch])
    assert languages(outputs) == {0: ("de", 1.0), 1: ("de", 1.0), 2: found[2], 3: found[3], 4: ("fr", 1.0), 5: found[5]}
    assert [row["text_language"] for row in outputs.kept] == SAID


def test_a_text_in_another_language_than_is_said_is_left_out(run_stage, batch):
    settings = LanguageSettings(source="check", keep=("de", "fr", "und"))
    outputs = run_stage(IdentifyLanguage(settings), [batch])
    [disagrees] = [row for row in outputs.rejected if row["reason"] == "language_disagrees"]
    assert (disagrees["source_row"], disagrees["value"], disagrees["threshold"]) == (1, "en", "de")
    assert disagrees["language"] == "en"
    assert outputs.fates() == {0: None, 1: "language_disagrees", 2: "language_not_kept", 3: None, 4: None, 5: None}
    assert languages(outputs)[4] == ("fr", 0.0)  # nothing is told, so that nothing is against it


def test_a_column_without_values_says_nothing(run_stage, read_rows):
    batch = read_rows(2, caption=[GERMAN, ENGLISH]).append_column("text_language", pa.nulls(2, pa.string()))
    for source in ("believe", "check"):
        outputs = run_stage(IdentifyLanguage(LanguageSettings(source=source)), [batch])
        assert [row["language"] for row in outputs.kept] == ["de", "en"]
