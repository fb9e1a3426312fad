"""The command on a run that lies on an S3 server."""

from babelsift.pipelines.run_folder.folder import RunFolder
from tests.support.explorer import running_explorer

KEPT = {"where": {"fate": ["kept"]}, "sort": "original_height", "descending": True}


def test_a_run_on_s3_is_opened_filtered_and_labelled_and_left_as_it_was(
    explored, explorer, s3_bucket, tmp_path, monkeypatch
):
    url = s3_bucket.url("runs/mine")
    there = RunFolder(url)
    for path in explored.files_under(""):
        there.write(path, explored.read(path))
    files = sorted(path for path in s3_bucket.folder.rglob("*") if path.is_file())
    monkeypatch.chdir(tmp_path)
    asked = len(s3_bucket.proxy.seen)
    with running_explorer(url) as on_s3:
        rows, expected = (one.get("/api/0/rows", q=KEPT, limit=100).json for one in (on_s3, explorer))
        assert [row["uid"] for row in rows["rows"]] == [row["uid"] for row in expected["rows"]]
        assert len(rows["rows"]) == 8
        first = rows["rows"][0]
        image = on_s3.get(f"/api/0/image/{first['row']}")
        assert image.body == explorer.get(f"/api/0/image/{first['row']}").body
        assert on_s3.post("/api/labels", {"run": 0, "row": first["row"], "label": "good"}).status == 200
        assert on_s3.get(f"/api/0/pair/{first['row']}").json["raw"]["uid"] == first["uid"]
    requests = s3_bucket.proxy.seen[asked:]
    [of_image] = [request for request in requests if request.key.endswith(".tar") and request.kind == "get"]
    begin, end = map(int, of_image.range.removeprefix("bytes=").split("-"))
    assert end - begin + 1 < 2 * len(image.body) + 2048  # the image, and not its tar
    assert {request.kind for request in requests} <= {"get", "head", "list"}
    assert sorted(path for path in s3_bucket.folder.rglob("*") if path.is_file()) == files
    assert first["uid"] in (tmp_path / "mine-labels.csv").read_text(encoding="utf-8")
