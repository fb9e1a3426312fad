import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.inputs.tables.delimited import MAX_FIELD_CHARACTERS, DelimitedRows
from babelsift.pipelines.inputs.tables.text_lines import Lines
from tests.support.csv_grammar import rfc_4180_rows

URL = "http://x/"


def looks_like_a_pair(fields):
    return len(fields) == 2 and any(field.startswith("http") for field in fields)


def read(text, delimiter=",", width=2, is_row=None, rows=2048):
    """([fields], {row: problem}, rows in all)"""
    table = DelimitedRows(Lines(io.StringIO(text, newline="")), delimiter, width, is_row)
    fitting, unreadable, count = [], {}, 0
    for block in table.blocks(rows):
        fitting += [(count + number, fields) for number, fields in zip(block.numbers, block.rows, strict=True)]
        unreadable |= {count + number: problem for number, problem in block.unreadable.items()}
        count += block.count
    assert sorted([number for number, _ in fitting] + list(unreadable)) == list(range(count))
    return [fields for _, fields in fitting], unreadable, count


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a,b\n", [["a", "b"]]),
        ("a,b", [["a", "b"]]),
        ('a,"b"\r\n', [["a", "b"]]),
        ('"a","b, ""c"""\n', [["a", 'b, "c"']]),
        ('a,"b\nc"\n', [["a", "b\nc"]]),
        ('"a\r\n\r\nb",c\r\n', [["a\r\n\r\nb", "c"]]),
        (",\n", [["", ""]]),
        ('"",""\n', [["", ""]]),
        ("a,b\rc,d\r", [["a", "b"], ["c", "d"]]),
        ("a\0,b\n", [["a\0", "b"]]),
        # a mark that opens nothing
        ('a,55" TV\n', [["a", '55" TV']]),
        ('"Best" of 2020,b\n', [['"Best" of 2020', "b"]]),
        ('a,"b\nc,d\n', [["a", '"b'], ["c", "d"]]),
        ('a,"\nc,d\n', [["a", '"'], ["c", "d"]]),
        ('"a,b\nc,d" e\n', [['"a', "b"], ["c", 'd" e']]),
        # written by programs of another mind
        ('"say \\"hi\\", x",b\n', [['say "hi", x', "b"]]),
        ('a, "b, c"\n', [["a", "b, c"]]),
        ('"a, b" c,d\n', [["a, b c", "d"]]),
    ],
)
def test_fields(text, fields):
    assert read(text) == (fields, {}, len(fields))


def test_blank_lines_are_no_rows():
    assert read("\na,b\n\r\n\n\nc,d\n\n") == ([["a", "b"], ["c", "d"]], {}, 2)


def test_rows_that_do_not_fit_say_why_and_cost_no_other():
    fields, unreadable, count = read('a,b\nonly\nx,y,z\n"p,q\nc,d\n')
    assert (fields, count) == ([["a", "b"], ['"p', "q"], ["c", "d"]], 5)
    assert unreadable == {1: "1 fields where the header has 2", 2: "3 fields where the header has 2"}


@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize("url_first", [True, False])
def test_a_mark_far_below_does_not_close_what_a_caption_begins_with(delimiter, url_first):
    captions = [f"caption {row}" for row in range(300)]
    captions[10], captions[200] = '"Best of 2020 in one picture', 'the 55" screen of "his"'
    captions[250], captions[251] = '"open', 'close"'
    pairs = [[f"{URL}{row}", caption][:: 1 if url_first else -1] for row, caption in enumerate(captions)]
    text = "".join(delimiter.join(pair) + "\n" for pair in pairs)
    assert read(text, delimiter, is_row=looks_like_a_pair) == (pairs, {}, 300)


@pytest.mark.parametrize("url_first", [True, False])
@pytest.mark.parametrize(
    "caption", ["two\nlines", 'see\nhttp://x/1, "nice"\nand\n\nmore', "a\r\nb,c\nd", "\n", 'x,\n"']
)
def test_what_csv_writes_over_several_lines_is_one_row(caption, url_first):
    pairs = [[f"{URL}{row}", caption][:: 1 if url_first else -1] for row in range(100)]
    sink = io.StringIO()
    csv.writer(sink).writerows(pairs)
    assert read(sink.getvalue(), is_row=looks_like_a_pair) == (pairs, {}, 100)


def test_many_marks_that_are_never_closed_take_no_longer_than_the_file():
    text = "".join(f'{URL}{row},"caption {row}\n' for row in range(20_000))
    fields, unreadable, count = read(text, is_row=looks_like_a_pair)
    assert (len(fields), unreadable, count) == (20_000, {}, 20_000)


def test_a_field_that_is_too_long_is_no_row():
    text = f"{URL}1,{'x' * (MAX_FIELD_CHARACTERS + 1)}\n{URL}2,ok\n"
    fields, unreadable, _ = read(text)
    assert fields == [[f"{URL}2", "ok"]]
    assert unreadable == {0: f"a field of more than {MAX_FIELD_CHARACTERS} characters"}


ANY_TEXT = st.text(st.sampled_from('",\t\r\na b') | st.characters(exclude_categories=["Cs"]), max_size=60)


@given(ANY_TEXT, st.sampled_from([",", "\t"]), st.sampled_from([1, 2, 7]))
def test_every_line_is_a_row_but_new_lines_inside_proper_quotes(text, delimiter, rows):
    _, _, count = read(text, delimiter, rows=rows)
    assert count == rfc_4180_rows(text, delimiter)


# Before Python 3.11 `csv` writes no NUL.
WRITABLE = st.text(st.characters(exclude_characters="\0"), max_size=8)


@given(st.lists(st.lists(WRITABLE, min_size=2, max_size=2), max_size=20), st.sampled_from([",", "\t"]))
def test_what_csv_writes_is_read_back(table, delimiter):
    sink = io.StringIO()
    csv.writer(sink, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(table)
    assert read(sink.getvalue(), delimiter)[0] == table


@pytest.mark.parametrize("field", ["a\0b", '"a\0b"', '"a\0\nb"'])
def test_a_nul_is_a_character_like_any_other(field):
    caption = field.strip('"')
    assert read(f"{URL}1,{field}\n{URL}2,c\n") == ([[f"{URL}1", caption], [f"{URL}2", "c"]], {}, 2)


@given(ANY_TEXT, st.integers(1, 9))
def test_rows_do_not_depend_on_the_size_of_blocks(text, rows):
    assert read(text, rows=rows) == read(text)
