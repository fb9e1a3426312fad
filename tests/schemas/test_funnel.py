import json
from dataclasses import replace

import pytest

from babelsift.schemas import IN, OUT, STAGE_ORDER, AccountingError, Funnel

COUNTS = {
    ("read", IN, ""): 10,
    ("read", "missing_url", ""): 1,
    ("read", OUT, ""): 9,
    ("rules", IN, ""): 9,
    ("rules", OUT, ""): 9,
    ("language", IN, ""): 9,
    ("language", OUT, "en"): 6,
    ("language", "language_not_kept", "fi"): 3,
    **{
        (stage.value, outcome, "" if outcome == IN else "en"): 6
        for stage in STAGE_ORDER[STAGE_ORDER.index("language") + 1 :]
        for outcome in (IN, OUT)
    },
}


def test_sums_that_hold():
    funnel = Funnel.from_counts(COUNTS).check()
    assert (funnel.input_rows, funnel.kept_rows, funnel.rejected_rows) == (10, 6, 4)


def test_languages_are_accounted_where_they_are_known():
    language = next(stage for stage in Funnel.from_counts(COUNTS).stages if stage.stage == "language")
    assert language.by_language == {"en": {"in": 6, "out": 6}, "fi": {"in": 3, "out": 0}}
    assert language.rejected_by_language == {"language_not_kept": {"fi": 3}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({("language", "language_not_kept", "fi"): 2}, "language: 9 rows in, 6 kept \\+ 2 rejected"),
        ({("rules", IN, ""): 8, ("rules", OUT, ""): 8}, "read let 9 rows out, rules received 8"),
        ({("shard", OUT, "en"): 5}, "shard: 6 rows in, 5 kept"),
        ({("read", IN, ""): 11}, "read: 11 rows in, 9 kept \\+ 1 rejected"),
    ],
)
def test_a_row_lost_or_doubled_anywhere_is_an_error(change, message):
    with pytest.raises(AccountingError, match=message):
        Funnel.from_counts({**COUNTS, **change}).check()


def test_a_stage_that_received_nothing_is_missed():
    lost = {key: rows for key, rows in COUNTS.items() if key[0] != "download"}
    with pytest.raises(AccountingError, match="dedup_pairs let 6 rows out, download received 0"):
        Funnel.from_counts(lost).check()


def test_json_reads_back_equal():
    funnel = Funnel.from_counts(COUNTS)
    assert Funnel.from_json(funnel.to_json()) == funnel
    warned = replace(funnel, warnings=("much was left out",))
    assert Funnel.from_json(json.loads(json.dumps(warned.to_json()))) == warned
