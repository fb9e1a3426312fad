import bz2
import gzip
import json

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.inputs.columns import parse_columns
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.read_slice import read_slice
from babelsift.schemas import InputError
from tests.support.csv_grammar import rfc_4180_rows
from tests.support.input_rows import read_rows

ROWS = [
    {"URL": "http://x/1.jpg", "TEXT": "ein Hund", "rank": 1},
    {"URL": "http://x/2.jpg", "TEXT": "一只狗", "rank": 2},
    {"URL": "http://x/3.jpg", "TEXT": "", "rank": 3},
    {"URL": None, "TEXT": "no url", "rank": 4},
]


def write(path, rows):
    """Writes rows in the format and compression that the path's name says."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith(".parquet"):
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=2)
        content = sink.getvalue().to_pybytes()
    elif name.endswith(".json"):
        content = json.dumps(rows, ensure_ascii=False).encode()
    elif name.endswith(".jsonl"):
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    else:
        mark = "\t" if name.endswith(".tsv") else ","
        lines = [mark.join(rows[0]), *(mark.join(str(value or "") for value in row.values()) for row in rows)]
        content = "\n".join(lines).encode()
    if path.name.endswith(".gz"):
        content = gzip.compress(content)
    elif path.name.endswith(".zst"):
        content = zstandard.compress(content)
    path.write_bytes(content)


def read(plan):
    found = read_rows(plan)
    assert found.rows == len(found.pairs) + len(found.ledger)
    return found.pairs, found.ledger


def test_a_stray_key_takes_no_column_from_the_others(tmp_path):
    rows = [{"url": f"http://x/{n}.jpg", "caption": f"a dog {n}"} for n in range(6)]
    rows[2] = {"URL": "http://x/2.jpg", "TEXT": "a dog 2"}
    rows[4] |= {"URL": None, "TEXT": 5}
    rows[5] |= {"URL": " ", "TEXT": "", "images": "x", "texts": ["y"]}  # and it is no file of documents
    write(tmp_path / "a.jsonl", rows)
    pairs, ledger = read(plan_input([str(tmp_path / "a.jsonl")]))
    assert [pair["source_row"] for pair in pairs] == [0, 1, 3, 4, 5]
    assert fates(ledger) == [(2, "missing_url")]


def fates(rejected):
    return [(row["source_row"], row["reason"]) for row in rejected]


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.tsv", "a.jsonl"])
def test_every_format_and_compression_reads_the_same_pairs(tmp_path, name, compression):
    path = tmp_path / (name + compression)
    write(path, ROWS)
    kept, rejected = read(plan_input([str(path)]))
    assert [(row["url"], row["caption"], row["source_row"], int(row["rank"])) for row in kept] == [
        ("http://x/1.jpg", "ein Hund", 0, 1),
        ("http://x/2.jpg", "一只狗", 1, 2),
    ]
    assert {row["source_file"] for row in kept} == {path.name}
    assert fates(rejected) == [(2, "missing_caption"), (3, "missing_url")]
    assert all(row["uid"] is None for row in rejected)


def test_a_uid_is_of_the_pair_not_of_where_it_was_read(tmp_path):
    write(tmp_path / "a.csv", ROWS[:1])
    write(tmp_path / "b.parquet", ROWS[:2])
    kept, _ = read(plan_input([str(tmp_path / "*")]))
    assert kept[0]["uid"] == kept[1]["uid"] != kept[2]["uid"]


def test_types_that_are_no_text_are_in_the_ledger_with_what_was_found(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"URL": "http://x", "TEXT": "a"}\n{"URL": 7, "TEXT": "a"}\n{"URL": "http://x", "TEXT": ["a"]}\n')
    kept, rejected = read(plan_input([str(path)]))
    assert len(kept) == 1
    assert [(row["source_row"], row["reason"], row["value"]) for row in rejected] == [
        (1, "wrong_type", "int: 7"),
        (2, "wrong_type", "list: ['a']"),
    ]


def test_a_parquet_column_of_numbers_is_no_caption(tmp_path):
    pq.write_table(pa.table({"URL": ["http://x"], "TEXT": [3]}), tmp_path / "a.parquet")
    kept, rejected = read(plan_input([str(tmp_path / "a.parquet")]))
    assert (kept, fates(rejected)) == ([], [(0, "wrong_type")])


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


def test_carried_columns_agree_over_files_or_are_null(tmp_path):
    pq.write_table(pa.table({"URL": ["http://x"], "TEXT": ["a"], "width": [3]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"URL": ["http://y"], "TEXT": ["b"], "width": [2.5], "tag": ["t"]}), tmp_path / "b.parquet")
    kept, _ = read(plan_input([str(tmp_path / "*")]))
    assert [(row["input_width"], row["tag"]) for row in kept] == [(3.0, None), (2.5, "t")]


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


def test_row_groups_are_read_in_slices_that_know_their_first_row(tmp_path):
    table = pa.table({"URL": [f"http://x/{row}" for row in range(250_000)], "TEXT": ["a"] * 250_000})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=60_000)
    plan = plan_input([str(tmp_path / "a.parquet")])
    assert [(part.first_row, part.rows) for part in plan.slices] == [
        (0, 120_000),
        (120_000, 120_000),
        (240_000, 10_000),
    ]
    assert plan.estimated_rows == 250_000
    last = next(read_slice(plan.slices[2], plan))[1][0]
    assert (last.column("source_row")[0].as_py(), last.column("url")[0].as_py()) == (240_000, "http://x/240000")


def test_text_files_rows_are_guessed_from_their_size(tmp_path):
    (tmp_path / "a.csv").write_text("URL,TEXT\n" + "http://x/y,a caption here\n" * 20_000)
    assert plan_input([str(tmp_path / "a.csv")]).estimated_rows == pytest.approx(20_000, rel=0.05)


def test_a_name_with_brackets_is_a_name_where_there_is_such_a_file(tmp_path):
    write(tmp_path / "part[1].csv", ROWS[:1])
    assert len(plan_input([str(tmp_path / "part[1].csv")]).slices) == 1


def test_any_fsspec_file_system_will_do():
    memory = fsspec.filesystem("memory")
    with memory.open("/pairs/a.csv", "w") as file:
        file.write("URL,TEXT\nhttp://x,a\n")
    kept, _ = read(plan_input(["memory://pairs/*.csv"]))
    memory.rm("/pairs", recursive=True)
    assert [row["source_file"] for row in kept] == ["a.csv"]


def test_views_dictionaries_and_run_ends_are_text(tmp_path):
    urls = pa.array(["http://x/1", "http://x/2"]).cast(pa.string_view())
    captions = pa.array(["a dog", "a dog"]).dictionary_encode()
    pq.write_table(pa.table({"URL": urls, "TEXT": captions}), tmp_path / "views.parquet")
    binary = pa.array([b"http://x/3", b"http://x/4"], pa.binary(10))
    pq.write_table(pa.table({"URL": binary, "TEXT": pa.array([b"ok", b"\xff"])}), tmp_path / "views2.parquet")
    kept, rejected = read(plan_input([str(tmp_path / "views*.parquet")]))
    assert [(row["url"], row["caption"]) for row in kept] == [
        ("http://x/1", "a dog"),
        ("http://x/2", "a dog"),
        ("http://x/3", "ok"),
    ]
    assert fates(rejected) == [(1, "invalid_encoding")]


def test_a_caption_of_a_type_that_python_cannot_hold_is_no_text(tmp_path):
    times = pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns"))
    pq.write_table(pa.table({"URL": ["http://x/1", "http://x/2"], "TEXT": times}), tmp_path / "a.parquet")
    kept, rejected = read(plan_input([str(tmp_path / "a.parquet")]))
    assert (kept, fates(rejected)) == ([], [(0, "wrong_type"), (1, "missing_caption")])
    assert "2023-11-14" in rejected[0]["value"]


def test_a_value_that_outgrows_its_column_never_costs_its_pair(tmp_path):
    rows = [{"URL": f"http://x/{row}", "TEXT": "a", "rank": row} for row in range(1500)]
    rows += [
        {"URL": "http://y/1", "TEXT": "b", "rank": 0.5},
        {"URL": "http://y/2", "TEXT": "b", "rank": 2**63, "late": {"a": [1]}},
        {"URL": "http://y/3", "TEXT": "b", "rank": "z", "late": "\ud800"},
    ]
    write(tmp_path / "a.jsonl", rows[:-1])
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write(json.dumps(rows[-1]))
    kept, rejected = read(plan_input([str(tmp_path / "a.jsonl")], scanned_characters=0))
    assert (len(kept), rejected) == (1503, [])
    assert [(row["rank"], row["extra_values"]) for row in kept[-4:]] == [
        (1499, None),
        (None, '{"rank": 0.5}'),
        (None, '{"rank": 9223372036854775808, "late": {"a": [1]}}'),
        (None, '{"rank": "z", "late": "?"}'),
    ]


def test_a_json_file_that_is_looked_through_gets_columns_that_hold_all(tmp_path):
    rows = [{"URL": f"http://x/{row}", "TEXT": "a", "rank": row, "id": row, "hash": row} for row in range(1500)]
    rows += [{"URL": "http://y", "TEXT": "b", "rank": 0.5, "id": 2**63, "hash": -(2**64), "late": True}]
    write(tmp_path / "a.jsonl", rows)
    plan = plan_input([str(tmp_path / "a.jsonl")])
    assert [(field.name, str(field.type)) for field in plan.carried] == [
        ("rank", "double"),
        ("id", "uint64"),
        ("hash", "string"),
        ("late", "bool"),
    ]
    kept, rejected = read(plan)
    assert (len(kept), rejected) == (1501, [])
    assert [kept[row][name] for row in (3, -1) for name in plan.carried.names] == [
        *(3.0, 3, "3", None),
        *(0.5, 2**63, str(-(2**64)), True),
    ]


def test_keys_and_names_that_utf8_cannot_hold_are_cleaned(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"URL": "http://x", "TEXT": "a", "\\ud800": 1, "": 2}\n')
    (tmp_path / "b.csv").write_bytes(b"URL,TEXT,\xff,\nhttp://y,b,3,4\n")
    kept, rejected = read(plan_input([str(tmp_path / "*")]))
    assert rejected == []
    assert [(row["?"], row["column_4"]) for row in kept] == [("1", "2"), ("3", "4")]


def test_two_columns_of_one_name_are_both_carried(tmp_path, caplog):
    columns = [pa.array([value]) for value in ("http://x", "a", 1, 2, 3)]
    pq.write_table(pa.Table.from_arrays(columns, names=["url", "caption", "w", "w", " w"]), tmp_path / "a.parquet")
    kept, _ = read(plan_input([str(tmp_path / "a.parquet")]))
    assert [(row["w"], row["w_2"], row["w_3"]) for row in kept] == [(1, 2, 3)]
    assert "column 4 is named 'w' as another is; it is carried as 'w_2'" in caplog.text


@pytest.mark.parametrize(
    ("one", "other", "read_as"),
    [
        (pa.array([2**53 + 1, 2]), pa.array([1.0, None]), [str(2**53 + 1), "2", "1", None]),
        (pa.array([3, None]), pa.array([2.5, 1e20]), [3.0, None, 2.5, 1e20]),
        (pa.array([1, -1]), pa.array([2**63, 2], pa.uint64()), ["1", "-1", str(2**63), "2"]),
        (pa.array([1, -1]), pa.array([9, 2], pa.uint64()), [1, -1, 9, 2]),
        (pa.array([5, 1]), pa.array([2**63, 2], pa.uint64()), [5, 1, 2**63, 2]),
        (pa.array([1], pa.int8()), pa.array([2**40]), [1, 2**40]),
        (
            pa.array([1_700_000_000], pa.timestamp("s")),
            pa.array([1_700_000_000_000_000_001], pa.timestamp("ns")),
            ["2023-11-14 22:13:20", "2023-11-14 22:13:20.000000001"],
        ),
        (pa.array([True]), pa.array([7]), ["true", "7"]),
        (pa.array([[1, 2]]), pa.array([{"a": 1}]), ["[1, 2]", '{"a": 1}']),
        (pa.array([[2**53 + 1]]), pa.array([[0.5]]), [[str(2**53 + 1)], ["0.5"]]),
        (pa.array(["x"]), pa.array([{"a": [1]}]), ["x", '{"a": [1]}']),
        (pa.array([None], pa.null()), pa.array([3]), [None, 3]),
    ],
)
@pytest.mark.parametrize("is_swapped", [False, True])
def test_types_that_differ_over_files_change_no_value(tmp_path, one, other, read_as, is_swapped):
    for name, column in zip("ba" if is_swapped else "ab", (one, other), strict=True):
        count = len(column)
        pairs = {"URL": [f"http://{name}/{row}" for row in range(count)], "TEXT": ["a"] * count}
        pq.write_table(pa.table({**pairs, "id": column}), tmp_path / f"{name}.parquet")
    kept, rejected = read(plan_input([str(tmp_path / "*")]))
    expected = read_as[len(one) :] + read_as[: len(one)] if is_swapped else read_as
    assert ([row["id"] for row in kept], rejected) == (expected, [])


def test_our_own_shards_are_input_as_often_as_one_likes(tmp_path):
    table = pa.table({"uid": ["0" * 32], "url": ["http://x"], "text": ["a dog"], "similarity_m": [0.5]})
    pq.write_table(table, tmp_path / "0.parquet")
    names = []
    for number in range(4):
        kept, rejected = read(plan_input([str(tmp_path / f"{number}.parquet")]))
        assert rejected == []
        names.append(set(kept[0]))
        pq.write_table(pa.Table.from_pylist(kept), tmp_path / f"{number + 1}.parquet")
    assert names[1] == names[2] == names[3], "no pass adds a column"
    assert (kept[0]["input_uid"], kept[0]["input_similarity_m"]) == ("0" * 32, 0.5), "as they were at first"
    assert (kept[0]["source_file"], kept[0]["input_source_file"]) == ("3.parquet", "0.parquet")


def test_columns_of_others_that_only_look_like_ours_are_all_carried(tmp_path):
    pq.write_table(
        pa.table({"url": ["http://x"], "text": ["a dog"], "uid": ["1"], "input_uid": ["2"]}), tmp_path / "a.parquet"
    )
    [row], _ = read(plan_input([str(tmp_path / "a.parquet")]))
    assert (row["input_uid"], row["input_input_uid"]) == ("1", "2")


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
        (gzip.compress(b"url,caption\n"), "as a .gz does"),
        (zstandard.compress(b"url,caption\n" * 9), "as a .zst does: name it so"),
        (bytes(12), "with bytes that are no text"),
    ],
)
def test_a_table_that_is_something_else_says_what(tmp_path, content, said):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=said):
        plan_input([str(tmp_path / "a.csv")])


LICENSED = [
    {"URL": "http://x/1.jpg", "TEXT": "a dog", "license": "Attribution License"},
    {"URL": "http://x/2.jpg", "TEXT": "a cat", "license": "ask me"},
    {"URL": "http://x/3.jpg", "TEXT": "a cow", "license": None},
]


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.csv.gz", "a.tsv"])
def test_a_license_is_a_short_identifier_beside_what_the_input_has(tmp_path, name):
    write(tmp_path / name, LICENSED)
    plan = plan_input([str(tmp_path / name)], columns=parse_columns("license=license"))
    assert plan.carried.names == ["input_license", "license"]
    kept, _ = read(plan)
    assert [row["license"] for row in kept] == ["CC-BY", None, None]
    assert [row["input_license"] or None for row in kept] == ["Attribution License", "ask me", None]


def test_a_column_that_nobody_names_stays_as_it_is(tmp_path):
    write(tmp_path / "a.jsonl", LICENSED)
    kept, _ = read(plan_input([str(tmp_path / "a.jsonl")]))
    assert [row["license"] for row in kept] == ["Attribution License", "ask me", None]


def test_licenses_of_files_by_number_and_of_several_texts(tmp_path):
    (tmp_path / "a.csv").write_text("http://x/1.jpg,a dog,Hund,cc0\nhttp://x/2.jpg,a cat,Katze,http://x/l\n")
    plan = plan_input([str(tmp_path / "a.csv")], columns=parse_columns("url=1,caption=2+3,license=4"))
    [block] = read_slice(plan.slices[0], plan)
    kept = [row for batch in block.pairs for row in batch.to_pylist()]
    assert [(row["caption"], row["license"], row["column_4"]) for row in kept] == [
        ("a dog", "CC0-1.0", "cc0"),
        ("Hund", "CC0-1.0", "cc0"),
        ("a cat", None, "http://x/l"),
        ("Katze", None, "http://x/l"),
    ]


def test_what_is_no_text_is_no_license(tmp_path):
    write(tmp_path / "a.jsonl", [{"URL": "http://x/1.jpg", "TEXT": "a", "rights": ["cc0"]}])
    kept, _ = read(plan_input([str(tmp_path / "a.jsonl")], columns=parse_columns("license=rights")))
    assert [(row["license"], row["rights"]) for row in kept] == [(None, '["cc0"]')]


def test_the_index_of_a_pandas_table_is_not_carried(tmp_path):
    columns = {"url": ["http://x/1"], "caption": ["a dog"], "rank": [1], "__index_level_0__": [7], "index_level_0": [8]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    plan = plan_input([str(tmp_path / "a.parquet")])
    assert plan.carried.names == ["rank", "index_level_0"]
