"""Columns beside URL and caption: carried with their values, whatever their types and names are."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.inputs.columns import parse_columns
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.read_slice import read_slice
from tests.support.input_tables import fates, read, write


def test_a_stray_key_takes_no_column_from_the_others(tmp_path):
    rows = [{"url": f"http://x/{n}.jpg", "caption": f"a dog {n}"} for n in range(6)]
    rows[2] = {"URL": "http://x/2.jpg", "TEXT": "a dog 2"}
    rows[4] |= {"URL": None, "TEXT": 5}
    rows[5] |= {"URL": " ", "TEXT": "", "images": "x", "texts": ["y"]}  # and it is no file of documents
    write(tmp_path / "a.jsonl", rows)
    pairs, ledger = read(plan_input([str(tmp_path / "a.jsonl")]))
    assert [pair["source_row"] for pair in pairs] == [0, 1, 3, 4, 5]
    assert fates(ledger) == [(2, "missing_url")]


def test_carried_columns_agree_over_files_or_are_null(tmp_path):
    pq.write_table(pa.table({"URL": ["http://x"], "TEXT": ["a"], "width": [3]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"URL": ["http://y"], "TEXT": ["b"], "width": [2.5], "tag": ["t"]}), tmp_path / "b.parquet")
    kept, _ = read(plan_input([str(tmp_path / "*")]))
    assert [(row["input_width"], row["tag"]) for row in kept] == [(3.0, None), (2.5, "t")]


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
