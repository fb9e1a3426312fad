"""Which pictures are hidden until asked for, in reports and in the explorer."""

import pytest

from babelsift.pipelines.rendering.veiled import are_veiled

PLAIN = {"caption": "a dog in the snow", "url": "https://a.example/1.jpg"}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, False),
        ({"punsafe": 0.9}, True),
        ({"punsafe": 0.01}, False),
        ({"opennsfw_nsfw": 0.5}, True),
        ({"is_unsafe": True}, True),
        ({"NSFW": "UNLIKELY"}, False),
        ({"NSFW": "NSFW"}, True),
        ({"NSFW": "LIKELY"}, True),
        ({"violence": None}, False),
        ({"similarity": 0.9}, False),
        ({"reason": "flagged_word"}, True),
        ({"reason": "nsfw_not_met", "threshold": "nsfw <= 0.5"}, True),
        ({"reason": "condition_not_met", "value": "punsafe 0.97", "threshold": "punsafe <= 0.5"}, True),
        ({"reason": "condition_not_met", "value": "aesthetic 3", "threshold": "aesthetic >= 5"}, False),
        ({"caption": "Naked woman"}, True),
        ({"caption": "голая девушка"}, True),
        ({"caption": "Sussex, Middlesex and Essex"}, False),
        ({"url": "https://xvideos.example/1.jpg"}, True),
        ({"caption": None, "url": None}, False),
    ],
)
def test_what_a_model_a_rule_or_a_word_calls_explicit_is_hidden(row, expected):
    assert are_veiled([PLAIN, {**PLAIN, **row}]) == [False, expected]


def test_of_no_rows_none_is():
    assert are_veiled([]) == []
