"""Files that are damaged, oddly encoded, or something else: a row costs itself alone, a file is one line."""

import bz2
import gzip

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.inputs.plan import plan_input
from babelsift.schemas import InputError
from tests.support.csv_grammar import rfc_4180_rows
from tests.support.input_tables import ROWS, fates, read, write


def test_bytes_that_are_not_utf8_cost_their_own_row_only(tmp_path):
    good, bad = "ñandú".encode(), b"\xff\xfe"
    raw = pa.StringArray.from_buffers(
        2, pa.array([0, len(good), len(good + bad)], pa.int32()).buffers()[1], pa.py_buffer(good + bad)
    )
    pq.write_table(pa.table({"URL": ["http://x/1", "http://x/2"], "TEXT": raw}), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_bytes(b"URL,TEXT\nhttp://x/3," + good + b"\nhttp://x/4," + bad + b"\n")
    (tmp_path / "c.jsonl").write_bytes(b'{"URL": "http://x/5", "TEXT": "\\ud800"}\n')
    kept, rejected = read(plan_input([str(tmp_path / "*")]))
    assert [row["caption"] for row in kept] == ["ñandú", "ñandú"]
    assert fates(rejected) == [(1, "invalid_encoding"), (1, "invalid_encoding"), (0, "invalid_encoding")]


def test_text_rows_that_do_not_parse_are_in_the_ledger(tmp_path):
    (tmp_path / "a.csv").write_text("URL,TEXT\nhttp://x,a\nhttp://x\n\nhttp://x,a,b\nhttp://y,b\n")
    (tmp_path / "b.jsonl").write_text('{"URL": "http://x", "TEXT": "a"}\n{"URL"\n[1]\n' + "[" * 100_000 + "\n")
    kept, rejected = read(plan_input([str(tmp_path / "*")]))
    assert len(kept) == 3
    assert fates(rejected) == [(row, "unreadable_row") for row in (1, 2, 1, 2, 3)]
    assert rejected[0]["value"] == "1 fields where the header has 2"


def test_a_quote_that_is_never_closed_costs_no_row(tmp_path):
    lines = "".join(f"http://x/{row},caption {row}\n" for row in range(100_000))
    (tmp_path / "a.csv").write_text('URL,TEXT\nhttp://x/start,"open\n' + lines)
    kept, rejected = read(plan_input([str(tmp_path / "a.csv")]))
    assert (len(kept), rejected) == (100_001, [])
    assert kept[0]["caption"] == '"open'


def test_a_damaged_row_group_is_in_the_ledger_row_by_row(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"URL": [f"http://x/{row}" for row in range(4000)], "TEXT": ["a dog"] * 4000})
    pq.write_table(table, path, row_group_size=2000, compression="zstd", use_dictionary=False)
    content = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    start, size = column.data_page_offset, column.total_compressed_size
    content[start + size // 2 : start + size] = bytes(size - size // 2)
    path.write_bytes(bytes(content))
    kept, rejected = read(plan_input([str(path)]))
    assert len(kept) + len(rejected) == 4000
    assert {row["reason"] for row in rejected} == {"unreadable_row"}
    assert rejected[-1]["source_row"] == 3999


def test_a_compressed_file_that_breaks_off_stops_the_run_by_name(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(b"".join(b'{"URL": "http://x/%d", "TEXT": "a"}\n' % row for row in range(50_000)))
    path.write_bytes(whole[: len(whole) - 100])
    plan = plan_input([str(path)])
    with pytest.raises(InputError, match=r"a\.jsonl\.gz: breaks off.*replace the file"):
        read(plan)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda folder: None, {}, "no file matches --input"),
        (
            lambda folder: write(folder / "a.csv", [{"link": "x", "TEXT": "a"}]),
            {},
            "cannot tell.*it has link, TEXT; set --url-col",
        ),
        (lambda folder: write(folder / "a.csv", ROWS), {"url_column": "URLS"}, "no column 'URLS'; did you mean 'URL'"),
        (lambda folder: (folder / "a.xls").write_text(""), {}, "a.xls: unknown format"),
        (lambda folder: (folder / "a.parquet").write_text("no"), {}, "a.parquet: not readable as parquet"),
        (lambda folder: (folder / "a.csv").write_text(""), {}, "a.csv: is empty"),
        (lambda folder: (folder / "a.csv.gz").write_bytes(bz2.compress(b"x")), {}, "a.csv.gz: not readable as csv"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_the_remedy(tmp_path, make, options, message):
    make(tmp_path)
    with pytest.raises(InputError, match=message) as raised:
        plan_input([str(tmp_path / "*")], **options)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_excel_s_line_that_says_the_delimiter_is_no_row(tmp_path, first, encoding, name):
    text = f"{first}\r\nurl;caption\r\nhttp://x;a, b and c\r\nhttp://y;d\r\n"
    (tmp_path / name).write_bytes(text.encode(encoding))
    kept, rejected = read(plan_input([str(tmp_path / name)]))
    assert ([(row["caption"], row["source_row"]) for row in kept], rejected) == ([("a, b and c", 0), ("d", 1)], [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_files_in_any_unicode_are_read(tmp_path, name, encoding):
    write(tmp_path / name, ROWS[:2])
    text = (tmp_path / name).read_text(encoding="utf-8")
    (tmp_path / name).write_bytes(text.encode(encoding))
    kept, rejected = read(plan_input([str(tmp_path / name)]))
    assert ([row["caption"] for row in kept], rejected) == (["ein Hund", "一只狗"], [])


def test_a_latin_1_file_costs_the_rows_that_are_no_utf_8(tmp_path):
    (tmp_path / "a.csv").write_bytes("URL,TEXT\nhttp://x,a dog\nhttp://y,ein Kätzchen\n".encode("latin-1"))
    kept, rejected = read(plan_input([str(tmp_path / "a.csv")]))
    assert (len(kept), fates(rejected)) == (1, [(1, "invalid_encoding")])


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.csv.gz", "a.tsv.zst"])
@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_among_others_has_no_rows_and_alone_says_so(tmp_path, name, content):
    compress = {"gz": gzip.compress, "st": zstandard.compress}.get(name[-2:], bytes)
    (tmp_path / name).write_bytes(compress(content))
    with pytest.raises(InputError, match="is empty"):
        plan_input([str(tmp_path / name)])
    write(tmp_path / "z.csv", ROWS[:1])
    assert len(read(plan_input([str(tmp_path / "*")]))[0]) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b'{\n  "data": [\n', "none of its first 2 rows is a JSON object"),
        ("a.jsonl", b'[{"url": "x"}]\n', "is named .json and is an array of objects"),
        ("a.json", b'[{"url": "http://x", "caption": "a"}, {', "not readable as json: .*after 1 elements"),
        ("a.parquet", b"", "a.parquet: not readable as parquet"),
        ("a.csv", b"link;alt\n", "it has link, alt"),
    ],
)
def test_a_file_that_is_something_else_says_what_it_is(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        plan_input([str(tmp_path / name)])


def test_the_mark_between_fields_is_the_first_lines(tmp_path):
    (tmp_path / "a.csv").write_text("url;caption\nhttp://x;a, b\n")
    kept, _ = read(plan_input([str(tmp_path / "a.csv")]))
    assert [row["caption"] for row in kept] == ["a, b"]


@given(
    st.binary(max_size=80)
    | st.lists(st.sampled_from([b'"', b",", b"\t", b"\n", b"\r", b"a", b"\xff", b"\0", b'""'])).map(b"".join)
)
@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_arbitrary_bytes_lose_no_line(suffix, content):
    """Lines, less new lines inside proper quotes, are pairs and ledger rows."""
    memory = fsspec.filesystem("memory")
    first = b'{"url": "http://x", "caption": "a"}' if suffix == "jsonl" else b"url,caption"
    first = first.replace(b",", b"\t") if suffix == "tsv" else first
    memory.pipe_file(f"/any.{suffix}", first + b"\n" + content)
    kept, rejected = read(plan_input([f"memory://any.{suffix}"]))
    text = content.decode("utf-8", "surrogateescape")
    if suffix == "jsonl":
        lines = 1 + sum(bool(line.strip(" \t\r\v\f")) for line in text.split("\n"))
    else:
        lines = rfc_4180_rows(text, "\t" if suffix == "tsv" else ",")
    assert len(kept) + len(rejected) == lines


@given(st.binary(max_size=60))
@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "json", "parquet", "csv.gz", "jsonl.zst"])
def test_arbitrary_bytes_are_read_or_one_line(suffix, content):
    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"/any.{suffix}", content)
    problem = problem_of(f"memory://any.{suffix}")
    assert problem is None or ("\n" not in problem and f"any.{suffix}" in problem)


def problem_of(path):
    try:
        read(plan_input([path]))
    except InputError as error:
        return str(error)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PAR1" + bytes(8), "as a parquet file does: name it .parquet"),
        (gzip.compress(b"url,caption\n", mtime=0), "as a .gz does"),
        (zstandard.compress(b"url,caption\n" * 9), "as a .zst does: name it so"),
        (bytes(12), "with bytes that are no text"),
    ],
)
def test_a_table_that_is_something_else_says_what(tmp_path, content, said):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=said):
        plan_input([str(tmp_path / "a.csv")])
