import io
import tarfile

import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.inspection.finished import open_run


def rows(explorer, **query):
    answer = explorer.get("/api/0/rows", q=query, limit=100)
    assert answer.status == 200, answer.body
    return answer.json["rows"]


def captions(explorer, **query):
    return {row["caption"] for row in rows(explorer, **query)}


def test_every_pair_is_there_once_kept_or_with_its_reason(explorer, explored):
    run = open_run(explored.url)
    shown = rows(explorer)
    assert len(shown) == run.funnel.input_rows
    kept = set(run.pairs().to_table(columns=["uid"]).column("uid").to_pylist())
    assert {row["uid"] for row in shown if row["reason"] is None} == kept
    ledger = {(row["uid"], row["reason"]) for row in run.rejects().to_table(columns=["uid", "reason"]).to_pylist()}
    assert {(row["uid"], row["reason"]) for row in shown if row["reason"]} == ledger
    assert {"http_status", "too_few_characters"} <= {reason for _, reason in ledger}


def test_conditions_join_and_facets_count_without_their_own(explorer):
    answer = explorer.get("/api/0/summaries", q={"where": {"fate": ["rejected"]}}).json
    assert dict(answer["facets"]["fate"]) == {"kept": 8, "rejected": 2}
    assert dict(answer["facets"]["reason"]) == {"http_status": 1, "too_few_characters": 1}
    both = {"where": {"fate": ["kept"], "original_height": [64, 72]}}
    assert {row["height"] for row in rows(explorer, **both)} <= {64, 48, 43, 42}
    assert len(rows(explorer, **both)) == 2
    histogram = explorer.get("/api/0/summaries", q=both).json["histograms"]["original_height"]
    assert sum(histogram[:-1]) == 8  # its own condition does not count


def test_rows_come_sorted_those_without_a_number_last(explorer):
    heights = [row["row"] for row in rows(explorer, sort="original_height", descending=True)]
    values = [explorer.get(f"/api/0/pair/{row}").json["row"]["original_height"] for row in heights]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=True)
    assert values[: len(known)] == known


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("猫", {"庭にいる二匹の猫の写真です"}),
        ("قطة", {"صورة قطة في الحديقة الجميلة"}),
        ("garden CATS", {"a photo of two cats in the garden"}),
        ('"two cats"', {"a photo of two cats in the garden"}),
        ('"cats two"', set()),
        ("full　width", {"ＦＵＬＬ　ＷＩＤＴＨ　ＣＡＴ　ＰＨＯＴＯ"}),
        ("gone.jpg", {"its image is gone"}),
    ],
)
def test_search_finds_words_in_any_script(explorer, text, found):
    assert captions(explorer, text=text) == found


def test_a_word_begins_a_word_where_the_script_has_blanks(explorer):
    found = captions(explorer, text="cat")
    assert "a photo of two cats in the garden" in found
    assert "concatenate all strings of the guitar" not in found


def test_images_are_read_by_range_from_staging_and_else_from_shards(explorer, explored, tmp_path):
    [row] = rows(explorer, text="two cats", where={"fate": ["kept"]})
    answer = explorer.get(f"/api/0/image/{row['row']}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/jpeg"
    with explored.open("shards/00000000.tar") as file:
        content = file.read()
    with_image = [answer.body in content]
    with explored.open("shards/00000001.tar") as file:
        with_image.append(answer.body in file.read())
    assert any(with_image)


def test_a_pair_without_an_image_has_none(explorer):
    [row] = rows(explorer, text="gone.jpg")
    assert row["image"] is False
    assert explorer.get(f"/api/0/image/{row['row']}").status == 404


def test_a_pairs_page_has_its_way_and_its_raw_row(explorer):
    [row] = rows(explorer, text="gone.jpg")
    page = explorer.get(f"/api/0/pair/{row['row']}").json
    assert page["stages"][-1]["outcome"] == "rejected"
    assert page["stages"][-1]["reason"] == "http_status"
    assert page["raw"]["value"] == page["stages"][-1]["value"] == "404"
    [kept] = rows(explorer, text="two cats", where={"fate": ["kept"]})
    page = explorer.get(f"/api/0/pair/{kept['row']}").json
    assert {stage["outcome"] for stage in page["stages"]} == {"passed"}
    assert page["raw"]["sha256"]
    assert explorer.get(f"/api/0/uid/{kept['uid']}").json["row"] == kept["row"]


def test_images_that_a_column_calls_unsafe_are_said_to_be(explorer):
    unsafe = {row["caption"] for row in rows(explorer, where={"fate": ["kept"]}) if row["veiled"]}
    assert unsafe == {"a photo of two cats in the garden"}


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"where": {"langauge": ["en"]}}, "language"),
        ({"where": {"width": ["a"]}}, "width"),
        ({"where": {"width": [1, 2, 3]}}, "width"),
        ({"sort": "caption"}, "caption"),
        ({"text": 1}, "text"),
        ({"near": {"row": "x"}}, "near"),
        ([], "q is"),
    ],
)
def test_a_wrong_question_is_one_line(explorer, query, word):
    answer = explorer.get("/api/0/rows", q=query, limit=5)
    assert answer.status == 400
    assert word in answer.json["error"]
    assert "\n" not in answer.json["error"]


def test_exports_hold_the_selection(explorer):
    query = {"where": {"fate": ["kept"]}}
    wanted = {row["uid"] for row in rows(explorer, **query)}
    assert set(explorer.get("/api/0/export/uids", q=query).body.decode().split()) == wanted
    table = pq.read_table(io.BytesIO(explorer.get("/api/0/export/parquet").body))
    assert sorted(table.column("uid").to_pylist()) == sorted(row["uid"] for row in rows(explorer))
    assert {"caption", "language", "label", "original_width"} <= set(table.column_names)
    with tarfile.open(fileobj=io.BytesIO(explorer.get("/api/0/export/webdataset", q=query).body)) as tar:
        names = tar.getnames()
        first = tar.extractfile(names[0]).read()
    assert len(names) == 3 * len(wanted)
    assert first[:2] == b"\xff\xd8"


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"fate": ["kept"], "original_height": [70, None]},
        {"reason": ["http_status"]},
        {"reason": ["http_status", None]},
        {"fate": ["rejected"]},
        {"language": ["en", "ja", None]},
    ],
)
def test_the_exported_python_reads_the_same_pairs(explorer, capsys, where):
    query = {"where": where}
    uids = [row["uid"] for row in rows(explorer, **query)]
    exec(explorer.get("/api/0/export/python", q=query).body.decode(), {})
    assert capsys.readouterr().out.startswith(f"{len(uids)} ")


def test_labels_go_into_their_file_and_give_each_rule_its_figures(explorer, explored):
    before = {path: explored.size(path) for path in explored.files_under("")}
    [bad] = rows(explorer, text="gone.jpg")
    kept = rows(explorer, where={"fate": ["kept"]})
    for row, label in ((bad, "bad"), (kept[0], "good"), (kept[1], "bad")):
        assert explorer.post("/api/labels", {"run": 0, "row": row["row"], "label": label}).status == 200
    lines = explorer.labels.read_text().splitlines()
    assert lines[0] == "uid,label,run"
    assert f"{bad['uid']},0,run" in lines
    figures = explorer.get("/api/0/labelled").json
    assert figures["kept"]["precision"] == 0.5
    [rule] = figures["rules"]
    assert (rule["reason"], rule["precision"], rule["recall"]) == ("http_status", 1.0, 0.5)
    assert {row["uid"] for row in rows(explorer, where={"label": ["bad"]})} == {bad["uid"], kept[1]["uid"]}
    for row in (bad, *kept[:2]):
        explorer.post("/api/labels", {"run": 0, "row": row["row"], "label": None})
    assert explorer.labels.read_text().splitlines() == ["uid,label,run"]
    assert before == {path: explored.size(path) for path in explored.files_under("")}
