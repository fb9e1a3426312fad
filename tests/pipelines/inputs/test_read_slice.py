"""A slice of rows from a table of any format: the same pairs from each, cut at the same rows."""

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.read_slice import read_slice
from tests.support.input_tables import ROWS, fates, read, write


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


def test_a_caption_of_a_type_that_python_cannot_hold_is_no_text(tmp_path):
    times = pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns"))
    pq.write_table(pa.table({"URL": ["http://x/1", "http://x/2"], "TEXT": times}), tmp_path / "a.parquet")
    kept, rejected = read(plan_input([str(tmp_path / "a.parquet")]))
    assert (kept, fates(rejected)) == ([], [(0, "wrong_type"), (1, "missing_caption")])
    assert "2023-11-14" in rejected[0]["value"]
