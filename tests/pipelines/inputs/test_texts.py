"""Rows with several texts: every text is a pair or a ledger row, and a row without one is in the ledger once."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.pipelines.inputs.columns import parse_columns
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.read_slice import read_slice
from babelsift.schemas import InputError
from tests.support.input_rows import read_rows

URL = "http://x.example/1.jpg"


def read(path, columns):
    """Returns (rows, texts, [(caption, text_source, text_language)], [(row, reason, caption)]) of a file."""
    found = read_rows(plan_input([str(path)], columns=parse_columns(columns)))
    texts = [(row["caption"], row.get("text_source"), row.get("text_language")) for row in found.pairs]
    gone = [(row["source_row"], row["reason"], row["caption"]) for row in found.ledger]
    return found.rows, found.texts, texts, gone


def parquet(path, rows, **types):
    """Writes rows as parquet; types: of columns, where they are not as Arrow guesses."""
    table = pa.Table.from_pylist(rows)
    for name, kind in types.items():
        table = table.set_column(table.schema.get_field_index(name), name, table.column(name).cast(kind))
    pq.write_table(table, path)
    return path


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def csv(path, rows):
    lines = [",".join(rows[0]), *(",".join(str(value or "") for value in row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


FORMATS = pytest.mark.parametrize(
    ("write", "name"), [(parquet, "a.parquet"), (jsonl, "a.jsonl"), (csv, "a.csv")], ids=["parquet", "jsonl", "csv"]
)


@FORMATS
def test_each_text_column_makes_a_pair_and_says_which_it_was(write, name, tmp_path):
    rows = [{"url": URL, "alt": "a dog", "title": "Rex"}, {"url": URL, "alt": None, "title": "a cat"}]
    found = read(write(tmp_path / name, rows), "caption=alt+title")
    assert found == (2, 3, [("a dog", "alt", None), ("Rex", "title", None), ("a cat", "title", None)], [])


@FORMATS
def test_of_a_fall_back_order_the_first_text_that_is_not_empty_is_taken(write, name, tmp_path):
    rows = [
        {"url": URL, "alt": "a dog", "title": "Rex", "page": "p"},
        {"url": URL, "alt": " ", "title": "a cat", "page": "q"},
        {"url": URL, "alt": None, "title": None, "page": None},
    ]
    rows_read, texts, pairs, gone = read(write(tmp_path / name, rows), "caption=alt/title+page")
    assert (rows_read, texts) == (3, 5)
    assert pairs == [
        ("a dog", "alt", None),
        ("p", "page", None),
        ("a cat", "title", None),
        ("q", "page", None),
    ]
    assert gone == [(2, "missing_caption", None)]


@pytest.mark.parametrize(("write", "name"), [(parquet, "a.parquet"), (jsonl, "a.jsonl")], ids=["parquet", "jsonl"])
def test_lists_of_texts_give_a_pair_each_with_its_language(write, name, tmp_path):
    rows = [
        {"url": URL, "texts": ["a dog", None, "ein Hund"], "lang": ["en", None, "de"]},
        {"url": URL, "texts": [], "lang": []},
        {"url": URL, "texts": None, "lang": ["en"]},
        {"url": URL, "texts": ["un chien"], "lang": None},
    ]
    rows_read, texts, pairs, gone = read(write(tmp_path / name, rows), "caption=texts,language=lang")
    assert (rows_read, texts) == (4, 5)
    assert pairs == [("a dog", "texts[0]", "en"), ("ein Hund", "texts[2]", "de"), ("un chien", "texts[0]", None)]
    assert gone == [(1, "missing_caption", None), (2, "missing_caption", None)]


@pytest.mark.parametrize("kind", [pa.large_list(pa.string()), pa.list_(pa.large_string()), pa.list_(pa.string(), 2)])
def test_any_list_of_arrow_is_read(kind, tmp_path):
    path = parquet(tmp_path / "a.parquet", [{"url": URL, "texts": ["a dog", "Rex"]}], texts=kind)
    assert [text for text, *_ in read(path, "caption=texts")[2]] == ["a dog", "Rex"]


def test_one_language_of_a_row_is_that_of_all_its_texts(tmp_path):
    path = parquet(tmp_path / "a.parquet", [{"url": URL, "a": "x", "b": "y", "lang": "fi"}])
    assert read(path, "caption=a+b,language=lang")[2] == [("x", "a", "fi"), ("y", "b", "fi")]


def test_a_language_alone_adds_one_column_and_no_source(tmp_path):
    path = parquet(tmp_path / "a.parquet", [{"url": URL, "caption": "x", "lang": "fi"}])
    assert read(path, "language=lang")[2] == [("x", None, "fi")]


def test_what_is_no_text_has_a_fate_of_its_own_beside_texts(tmp_path):
    rows = [{"url": URL, "a": 7, "b": "y"}, {"url": URL, "a": 8, "b": None}, {"url": None, "a": "x", "b": "y"}]
    rows_read, texts, pairs, gone = read(jsonl(tmp_path / "a.jsonl", rows), "caption=a+b")
    assert (rows_read, texts, [text for text, *_ in pairs]) == (3, 5, ["y"])
    assert gone == [(0, "wrong_type", None), (1, "wrong_type", None), (2, "missing_url", "x"), (2, "missing_url", "y")]


def test_a_fall_back_helps_where_the_first_is_no_text(tmp_path):
    rows = [{"url": URL, "a": 7, "b": "y"}, {"url": URL, "a": 8, "b": None}]
    assert read(jsonl(tmp_path / "a.jsonl", rows), "caption=a/b") == (
        2,
        2,
        [("y", "b", None)],
        [(1, "wrong_type", None)],
    )


def test_equal_texts_of_a_row_are_one_pair(tmp_path):
    path = parquet(tmp_path / "a.parquet", [{"url": URL, "a": "x", "b": "x"}, {"url": URL, "a": "x", "b": "z"}])
    rows_read, texts, pairs, gone = read(path, "caption=a+b")
    assert (rows_read, texts) == (2, 4)
    assert pairs == [("x", "a", None), ("x", "a", None), ("z", "b", None)]
    assert gone == [(0, "duplicate_pair", "x")]


def test_files_with_and_without_lists_have_the_same_columns(tmp_path):
    parquet(tmp_path / "a.parquet", [{"url": URL, "caption": ["x", "y"]}])
    parquet(tmp_path / "b.parquet", [{"url": URL, "caption": "z"}])
    assert read(tmp_path / "*.parquet", "url=url")[2] == [
        ("x", "caption[0]", None),
        ("y", "caption[1]", None),
        ("z", "caption", None),
    ]


def test_carried_columns_go_with_every_text(tmp_path):
    path = parquet(tmp_path / "a.parquet", [{"url": URL, "a": "x", "b": "y", "page": "p", "text_source": "own"}])
    plan = plan_input([str(path)], columns=parse_columns("caption=a+b"))
    [[batch]] = [found.pairs for found in read_slice(plan.slices[0], plan)]
    assert batch.column("page").to_pylist() == ["p", "p"]
    assert batch.column("input_text_source").to_pylist() == ["own", "own"]


def test_a_table_without_a_header_names_its_texts_by_number(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(f"{URL}\ta dog\tRex\n")
    assert read(path, "url=1,caption=2+3")[2] == [("a dog", "column_2", None), ("Rex", "column_3", None)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("caption=alt+titel", "no column 'titel'; did you mean 'title'"),
        ("caption=alt+", "caption names no column beside"),
        ("caption=alt/alt", "column 'alt' is there twice"),
        ("caption=alt+url", "'url' is both the URL and the caption"),
        ("caption=alt,language=alt", "'alt' is both the language and the pair"),
        ("caption=alt,language=lnag", "no column 'lnag'; did you mean 'lang'"),
    ],
)
def test_columns_that_cannot_be_meant_are_one_line(columns, message, tmp_path):
    path = parquet(tmp_path / "a.parquet", [{"url": URL, "alt": "x", "title": "y", "lang": "fi"}])
    with pytest.raises(InputError, match=message):
        read(path, columns)


def test_a_column_that_has_a_mark_in_its_name_is_taken_by_it(tmp_path):
    path = parquet(tmp_path / "a.parquet", [{"url": URL, "a+b": "x", "c/d": "y", "e": "z"}])
    assert read(path, "caption=a+b")[2] == [("x", None, None)]
    assert [text for text, *_ in read(path, "caption=e/c/d+a+b")[2]] == ["z", "x"]


CELLS = st.one_of(
    st.none(), st.sampled_from(["", "  ", "x", "y", "\ud800"]), st.integers(), st.lists(st.text(max_size=2))
)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6), choice=st.sampled_from(["a+b+c", "a/b+c"])
)
@settings(max_examples=60, deadline=None)
def test_every_text_of_every_row_has_one_fate(rows, choice, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    jsonl(path, [{"url": URL, "a": a, "b": b, "c": c} for a, b, c in rows])
    rows_read, texts, pairs, gone = read(path, f"caption={choice}")
    assert rows_read == len(rows)
    assert texts == len(pairs) + len(gone)
    assert texts >= rows_read


def test_a_value_that_is_no_list_costs_no_text_but_its_own(tmp_path):
    rows = [{"url": URL, "caption": ["a", "b"]}, {"url": URL, "caption": "c"}, {"url": URL, "caption": 5}]
    path = jsonl(tmp_path / "a.jsonl", [*rows, {"url": URL, "caption": None}])
    rows_read, texts, pairs, gone = read(path, "caption=caption")
    assert (rows_read, texts, [text for text, *_ in pairs]) == (4, 5, ["a", "b", "c"])
    assert [(row, reason) for row, reason, _ in gone] == [(2, "wrong_type"), (3, "missing_caption")]
