import bz2
import gzip
import json

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.stages.read import read_slice
from babelsift.schemas import InputError

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
    rows, kept, rejected = 0, [], []
    for part in plan.slices:
        for count, pairs, ledger in read_slice(part, plan):
            rows += count
            kept += [row for batch in pairs for row in batch.to_pylist()]
            rejected += [row for batch in ledger for row in batch.to_pylist()]
    assert rows == len(kept) + len(rejected)
    return kept, rejected


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
