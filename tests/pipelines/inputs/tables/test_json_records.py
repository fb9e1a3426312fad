import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.inputs.tables.json_records import JsonRecords, NotJsonError


def records(text, may_be_array=True):
    return list(JsonRecords(io.StringIO(text), may_be_array=may_be_array))


def test_lines_are_rows_and_blank_ones_are_none():
    assert records('{"a": 1}\n\n \t\r\n{"a": 2}\r\n{"a": 3}') == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_what_is_no_object_says_what_it_is():
    first, second, third, fourth = records('{"a"\n[1]\n"x"\n' + "[" * 100_000)
    assert first.startswith("not JSON: ")
    assert (second, third) == (
        "a JSON list where an object is expected",
        "a JSON str where an object is expected",
    )
    assert fourth.startswith("not JSON: ")


@pytest.mark.parametrize("as_array", [False, True])
def test_a_key_with_two_values_is_a_row_that_says_so(as_array):
    lines = ['{"a": 1, "b": 2, "a": 3}', '{"a": 1, "a": 1}', '{"a": {"b": 1, "b": 2}}']
    text = f"[{','.join(lines)}]" if as_array else "\n".join(lines)
    assert records(text) == ["the key 'a' is there twice, with two values", {"a": 1}, {"a": {"b": 2}}]


@pytest.mark.parametrize("as_array", [False, True])
def test_a_number_too_long_for_python_stays_text_and_costs_no_row(as_array):
    lines = [f'{{"a": {"9" * 6000}, "b": 1}}', '{"b": 2}']
    assert records(f"[{','.join(lines)}]" if as_array else "\n".join(lines)) == [{"a": "9" * 6000, "b": 1}, {"b": 2}]


def test_only_a_new_line_ends_a_row():
    assert records('{"a": "x\u2028y"}\n{"b":\r1}\n') == [{"a": "x\u2028y"}, {"b": 1}]


@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_of_objects_is_rows(indent):
    rows = [{"a": number, "b": "x" * number, "c": [{"d": None}]} for number in range(1500)]
    assert records(json.dumps(rows, indent=indent)) == rows
    assert records("  \n" + json.dumps(rows, indent=indent) + "\n\n") == rows
    assert records("[ ]") == []


def test_an_array_in_a_file_of_lines_is_a_line():
    assert records('[{"a": 1}]', may_be_array=False) == ["a JSON list where an object is expected"]


def test_elements_that_are_no_objects_are_rows_of_their_own():
    assert records('[{"a": 1}, 12, {"a": 2}]') == [
        {"a": 1},
        "a JSON int where an object is expected",
        {"a": 2},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1}, {"a": 2}', "breaks off after 2 elements"),
        ('[{"a": 1}, ', "breaks off after 1 elements"),
        ('[{"a": 1}, {"a": ', "not JSON"),
        ('[{"a": 1} {"a": 2}]', "expected ']', found '{' after 1 elements, at character 10"),
        ('[{"a": 1}]\n[{"a": 2}]', "more follows after the array after 1 elements"),
        ('[{"a": ' + "[" * 100_000, "too deeply nested after 0 elements"),
    ],
)
def test_an_array_that_cannot_be_read_to_its_end_says_where(text, message):
    with pytest.raises(NotJsonError) as raised:
        records(text)
    assert message in str(raised.value)


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


@given(st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=4), min_size=1), st.sampled_from([None, 0, 2]))
def test_lines_and_arrays_hold_the_same_rows(rows, indent):
    assert records(json.dumps(rows, indent=indent)) == rows
    assert records("\n".join(map(json.dumps, rows))) == rows


@given(st.text(st.sampled_from('{}[]":,1 a\n') | st.characters(exclude_categories=["Cs"]), max_size=60))
def test_every_line_is_a_row(text):
    lines = [line for line in text.split("\n") if line.strip(" \t\r\v\f")]
    assert len(records(text, may_be_array=False)) == len(lines)
