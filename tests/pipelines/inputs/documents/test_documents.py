"""Interleaved documents: each image with the texts around it, their distance in `text_source`."""

import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.inputs.columns import parse_columns
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.read_slice import read_slice
from babelsift.schemas import InputError
from tests.support.input_rows import read_rows

OBELICS = [
    {
        "images": [None, "http://x/1.jpg", None, None, "http://x/2.jpg"],
        "texts": ["A dog runs.", None, "It is brown.", "It barks.", None],
        "general_metadata": json.dumps({"url": "http://x/page.html"}),
    },
    {"images": ["http://x/3.jpg", None], "texts": [None, "Only behind."], "general_metadata": "no json"},
    {"images": [], "texts": [], "general_metadata": None},
]
MMC4 = [
    {
        "url": "http://x/page.html",
        "text_list": ["A dog runs.", "It is brown.", "It barks."],
        "image_info": [
            {"raw_url": "http://x/1.jpg", "matched_text_index": 1, "matched_sim": 0.3},
            {"raw_url": "http://x/2.jpg", "matched_text_index": 9},
            {"matched_text_index": 0},
        ],
        "similarity_matrix": [[0.1, 0.3, 0.2]] * 3,
    }
]


def parquet(folder, documents):
    schema = pa.schema(
        {"images": pa.list_(pa.string()), "texts": pa.list_(pa.string()), "general_metadata": pa.string()}
    )
    pq.write_table(pa.Table.from_pylist(documents, schema=schema), folder / "a.parquet")
    return folder / "a.parquet"


def lines(folder, documents):
    path = folder / "a.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in documents))
    return path


def read(path, **settings):
    found = read_rows(plan_input([str(path)], **settings))
    assert len(found.pairs) + len(found.ledger) == found.texts
    return found.pairs, found.ledger


def zipped_lines(folder, documents):
    path = lines(folder, documents)
    with zipfile.ZipFile(folder / "a.jsonl.zip", "w") as archive:
        archive.write(path, path.name)
    return folder / "a.jsonl.zip"


@pytest.mark.parametrize("write", [parquet, lines, zipped_lines])
def test_an_image_has_the_texts_around_it_the_nearest_first(tmp_path, write):
    pairs, ledger = read(write(tmp_path, OBELICS))
    assert [(row["url"][-5], row["caption"], row["text_source"]) for row in pairs] == [
        ("1", "A dog runs.", "before[0]"),
        ("1", "It is brown.", "after[0]"),
        ("1", "It barks.", "after[1]"),
        ("2", "It barks.", "before[0]"),
        ("2", "It is brown.", "before[1]"),
        ("2", "A dog runs.", "before[2]"),
        ("3", "Only behind.", "after[0]"),
    ]
    assert [(row["source_row"], row["reason"]) for row in ledger] == [(3, "missing_url")]
    assert [(row["document"][-2:], row["image_number"], row["page_url"]) for row in (pairs[0], pairs[3], pairs[6])] == [
        ("#0", 0, "http://x/page.html"),
        ("#0", 1, "http://x/page.html"),
        ("#1", 0, None),
    ]


def test_a_matched_sentence_is_a_candidate_of_its_own(tmp_path):
    pairs, ledger = read(lines(tmp_path, MMC4))
    assert [(row["caption"], row["text_source"], row["page_url"]) for row in pairs] == [
        ("It is brown.", "matched_text", "http://x/page.html"),
        ("A dog runs.", "before[0]", "http://x/page.html"),
        ("It barks.", "after[0]", "http://x/page.html"),
    ]
    assert {row["reason"] for row in ledger} == {"missing_caption", "missing_url"}
    assert {row["source_row"] for row in ledger} == {1, 2}


def test_other_texts_are_chosen_as_those_of_tables_are(tmp_path):
    pairs, _ = read(lines(tmp_path, MMC4[:1]), columns=parse_columns("caption=matched_text/before"))
    assert [row["caption"] for row in pairs] == ["It is brown."]


def test_a_document_that_is_none_costs_itself_alone(tmp_path):
    bad = [
        {"images": ["http://x/1.jpg"], "texts": ["a", None]},
        {"images": "http://x/1.jpg", "texts": ["a"]},
        {"images": [7], "texts": [None]},
        {"url": "http://x/page"},
        {"images": ["http://x/1.jpg"]},
        "{not json",
    ]
    pairs, ledger = read(lines(tmp_path, [OBELICS[0], *bad, OBELICS[1]]))
    assert len({row["url"] for row in pairs}) == 3
    assert [row["reason"] for row in ledger].count("unreadable_row") == 5
    assert len(ledger) == 6


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"images": [], "texts": []}, "missing_url"),
        ({"images": [None, None], "texts": ["a", "b"]}, "missing_url"),
        ({"images": ["", None], "texts": [None, "b"]}, "missing_url"),
        ({"image_info": [], "text_list": ["a"]}, "missing_url"),
        ({"text_list": ["a"]}, "missing_url"),
        ({"image_info": None, "text_list": None}, "unreadable_row"),
        ({"images": None, "texts": None}, "unreadable_row"),
        ({}, "unreadable_row"),
    ],
)
@pytest.mark.parametrize("documents", [OBELICS[:1], MMC4])
def test_a_document_without_images_is_a_row_of_the_ledger(tmp_path, documents, document, reason):
    pairs, ledger = read(lines(tmp_path, [*documents, document]))
    assert pairs
    last = max(ledger, key=lambda row: row["source_row"])
    assert (last["reason"], last["source_row"]) == (reason, max(row["source_row"] for row in [*pairs, *ledger]))
    assert len(ledger) == len(read(lines(tmp_path, documents))[1]) + 1


def test_a_file_of_documents_that_is_cut_is_one_line(tmp_path):
    path = parquet(tmp_path, OBELICS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="not readable as parquet"):
        read(path)


@pytest.mark.parametrize(
    ("place", "text"), [(1, "It is brown."), (1.0, "It is brown."), (1.5, None), (True, None), ("1", None)]
)
def test_a_place_that_a_table_made_a_float_is_read(tmp_path, place, text):
    [document] = MMC4
    info = [{"raw_url": "http://x/1.jpg", "matched_text_index": place}]
    (tmp_path / "a.jsonl").write_text(json.dumps({**document, "image_info": info}))
    plan = plan_input([str(tmp_path / "a.jsonl")])
    [block] = [block for part in plan.slices for block in read_slice(part, plan)]
    assert [row["caption"] for batch in block.pairs for row in batch.to_pylist()][:1] == ([text] if text else [])


@pytest.mark.parametrize(("documents", "write"), [(OBELICS, parquet), (MMC4, lines)])
def test_all_texts_of_the_document_are_candidates_where_they_are_named(documents, write, tmp_path):
    path = write(tmp_path, documents)
    plan = plan_input([str(path)], columns=parse_columns("caption=document_texts"))
    rows = read_rows(plan).pairs
    texts = [text.strip() for text in documents[0].get("texts") or documents[0]["text_list"] if text]
    for number in range(2):
        of_image = [row for row in rows if row["document"] == f"{path.name}#0" and row["image_number"] == number]
        assert [row["caption"] for row in of_image] == texts
        assert [row["text_source"] for row in of_image] == [f"document_texts[{at}]" for at in range(len(texts))]
    assert "document_texts" not in plan_input([str(path)]).carried.names
