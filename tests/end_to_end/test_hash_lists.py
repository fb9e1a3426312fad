"""A whole run with hash lists: of what is on one, the folder has the uid, the reason and the list's name."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pyarrow.parquet as pq

from babelsift.filters.image.hashing.pdq import pdq_hash
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas.recipe import HashListSettings
from tests.support.hostile_web import answer, encoded, photo
from tests.support.small_run import RECIPE, babelsift, write_pairs, write_recipe

BODY = encoded(photo(21, (300, 200)))


def content_of(folder: RunFolder) -> bytes:
    parquet = [pq.read_table(folder.path(path)) for path in folder.files_under("") if path.endswith(".parquet")]
    others = [folder.read(path) for path in folder.files_under("") if not path.endswith(".parquet")]
    return b"\n".join([*others, repr([table.to_pylist() for table in parquet]).encode()])


def ledger(folder: RunFolder) -> list[dict]:
    rows = [
        row
        for name in folder.list("rejects", ".parquet")
        for row in pq.read_table(folder.path("rejects", name)).to_pylist()
    ]
    return [row for row in rows if row["reason"] == "on_hash_list"]


def with_lists(tmp_path, **lists) -> str:
    named = []
    for name, (text, algorithm) in lists.items():
        (tmp_path / f"{name}.txt").write_text(text)
        named.append(HashListSettings(name=name, files=(str(tmp_path / f"{name}.txt"),), algorithm=algorithm))
    download = RECIPE.download.model_copy(update={"hash_lists": tuple(named)})
    return write_recipe(tmp_path / "recipe.yaml", RECIPE.model_copy(update={"download": download}))


def test_what_is_listed_leaves_no_trace_but_uid_reason_and_name(tmp_path, hostile_web):
    write_pairs(hostile_web, tmp_path / "pairs.parquet", size=(300, 200))
    command = ["curate", "--input", str(tmp_path / "pairs.parquet"), "--output", str(tmp_path / "out"), "--recipe"]
    sha1 = hashlib.sha1(BODY).hexdigest()
    assert babelsift(*command, with_lists(tmp_path, first=(sha1, None))).code == 0
    folder = RunFolder(str(tmp_path / "out"))
    assert [(row["value"], row["url"], row["caption"]) for row in ledger(folder)] == [("first", None, None)]
    other = encoded(photo(7, (300, 200)))
    assert b"number 7" in content_of(folder)

    grey = cv2.imdecode(np.frombuffer(other, np.uint8), cv2.IMREAD_GRAYSCALE)
    near = (pdq_hash(grey)[0].hex(), "pdq")
    hostile_web.on("/7.jpg", answer(b"", status=500))
    hostile_web.requests.clear()
    said = babelsift(*command, with_lists(tmp_path, first=(sha1, None), second=near))
    assert said.code == 0, said.log
    assert "1 staged images are on a hash list, and are gone from staging" in said.log
    assert not hostile_web.requests
    assert sorted(row["value"] for row in ledger(folder)) == ["first", "second"]
    content = content_of(folder)
    for number, body in ((21, BODY), (7, other)):
        assert f"thing number {number}".encode() not in content
        assert f"/{number}.jpg".encode() not in content
        assert hashlib.sha256(body).hexdigest().encode() not in content
    assert sha1.encode() not in content
    assert near[0].encode() not in content
    for row in ledger(folder):
        assert babelsift("why", str(tmp_path / "out"), row["uid"]).code == 0


def test_a_wrong_list_is_one_line_before_anything_is_asked(tmp_path, hostile_web):
    write_pairs(hostile_web, tmp_path / "pairs.parquet")
    recipe = with_lists(tmp_path, known=("d41d8cd98f00b204e9800998ecf8427e\n1f2e3d\n", None))
    said = babelsift(
        "curate", "--input", str(tmp_path / "pairs.parquet"), "--output", str(tmp_path / "out"), "--recipe", recipe
    )
    assert said.code == 2
    assert "known.txt: row 2 has 6 hex digits" in said.error
    assert "1f2e3d" not in said.log
    assert not hostile_web.requests
