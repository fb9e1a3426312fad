import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

import cv2
import mlcroissant
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.rendering import ReportData, croissant, render_card, sample_fields
from babelsift.pipelines.rendering.training_summary import Crawl, KeptContent, render_training_summary
from babelsift.schemas import Funnel, recipe_from


def described(kept):
    counts = {("read", "in", ""): kept, ("shard", "out", "en"): kept - 1, ("shard", "out", "sw"): 1}
    recipe = recipe_from({"name": "mine", "clip": {"model": "ViT-B-32", "name": "b_32"}}, source="test")
    made = pa.schema([("length", pa.int64()), ("shown", pa.list_(pa.string()))])
    return ReportData(recipe=recipe, funnel=Funnel.from_counts(counts), made_columns=made)


def _value(kind, text, number):
    if kind.startswith("list"):
        return pa.array([[text, "more"]])
    return pa.array([text]) if kind == "string" else pa.array([number], pa.type_for_alias(kind))


def _decoded(value):
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value


@pytest.fixture
def data_set(tmp_path):
    """(its folder, its rows by split), with the columns that shards have."""
    data, rows = described(6), {}
    splits = [("train", "shards"), ("validation", "validation")]
    fields = sample_fields(data)
    for split, folder in splits:
        (tmp_path / folder).mkdir()
        for shard in range(2):
            values = {name: _value(kind, f"{split} {shard} {name}", shard) for name, kind, _ in fields}
            pq.write_table(pa.table(values), tmp_path / folder / f"{shard:08d}.parquet")
            rows.setdefault(split, []).append({name: pa.array(value)[0].as_py() for name, value in values.items()})
            with tarfile.open(tmp_path / folder / f"{shard:08d}.tar", "w") as tar:
                for suffix, content in (("jpg", jpeg(shard)), ("txt", b"a dog")):
                    member = tarfile.TarInfo(f"{shard:011d}.{suffix}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    tars = {f"{path.parent.name}/{path.name}": path for path in tmp_path.glob("*/*.tar")}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in tars.items()}
    (tmp_path / "croissant.json").write_text(json.dumps(croissant(data, splits, fields, digests)))
    return tmp_path, rows


def jpeg(shard):
    return cv2.imencode(".jpg", np.full((8 + shard, 16, 3), 90, np.uint8))[1].tobytes()


def test_mlcroissant_finds_nothing_wrong_and_reads_the_records(data_set):
    folder, rows = data_set
    loaded = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert not loaded.metadata.ctx.issues.errors
    for split, expected in rows.items():
        found = [{name.split("/")[1]: _decoded(value) for name, value in row.items()} for row in loaded.records(split)]
        assert found == expected
    assert loaded.metadata.name == "mine"
    assert loaded.metadata.in_language == ["en", "sw"]


READ_IMAGES = """
import json, sys, mlcroissant
rows = list(mlcroissant.Dataset("croissant.json").records(sys.argv[1]))
print(json.dumps([[row[sys.argv[1] + "/key"].decode(), row[sys.argv[1] + "/image"].size] for row in rows]))
"""


@pytest.mark.parametrize("split", ["train", "validation"])
def test_mlcroissant_reads_the_images_within_the_tars(data_set, split, tmp_path):
    # In a process of its own: it remembers what it has unpacked by the tars' names, in a folder that is read at import.
    environment = {**os.environ, "CROISSANT_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", READ_IMAGES, f"{split}-images-records"]
    done = subprocess.run(command, cwd=data_set[0], env=environment, capture_output=True, text=True, check=True)
    assert sorted(json.loads(done.stdout)) == [["00000000000", [16, 8]], ["00000000001", [16, 9]]]


def test_a_data_set_of_nothing_is_valid_too(tmp_path):
    path = tmp_path / "croissant.json"
    path.write_text(json.dumps(croissant(ReportData(described(2).recipe, Funnel.from_counts({})), [], [])))
    assert not mlcroissant.Dataset(str(path)).metadata.ctx.issues.errors


def test_what_responsible_ai_asks_for_is_answered_from_the_run():
    recipe = recipe_from({"name": "mine", "captions": {"reject_emails": True}, "download": {"contact": "https://a.org"}},
                         source="test")  # fmt: skip
    counts = {("read", "in", ""): 5, ("read", "out", ""): 5, ("rules", "in", ""): 5, ("rules", "contains_email", ""): 2,
              ("rules", "out", ""): 3, ("shard", "in", ""): 3, ("shard", "out", "sw"): 3}  # fmt: skip
    content = croissant(ReportData(recipe, Funnel.from_counts(counts)), [], [])
    assert content["creator"] == {"@type": "sc:Organization", "name": "https://a.org", "url": "https://a.org"}
    assert "http://mlcommons.org/croissant/RAI/1.0" in content["conformsTo"]
    assert "rules: 5 in, 3 kept (contains_email 2)" in content["rai:dataPreprocessingProtocol"]
    assert content["rai:personalSensitiveInformation"][0] == "reject_emails: 2 captions were left out"
    assert "sw 3" in content["rai:dataBiases"][0]
    assert "X-Robots-Tag" in content["rai:dataReleaseMaintenancePlan"]


def test_what_was_done_for_people_is_said_in_every_paper():
    settings = {"download": {"faces": "drop"}, "caption_edits": {"mask": ["emails"]}, "columns": [
        {"name": "document", "of": "image", "by": "documents"}]}  # fmt: skip
    counts = {("download", "in", ""): 5, ("download", "has_faces", ""): 2, ("download", "out", ""): 3}
    counts |= {("image_columns", "in", ""): 3, ("image_columns", "document_cv_not_met", ""): 1}
    data = ReportData(recipe_from({"name": "mine", **settings}, source="test"), Funnel.from_counts(counts))
    said = croissant(data, [], [])["rai:personalSensitiveInformation"]
    assert said[:-1] == [
        "caption_edits.mask: emails were replaced by a word in brackets",
        "download.faces: faces that CenterFace was sure of at 0.4 or more had 2 pairs left out; it misses many that are "
        "small, turned or hidden",
        "columns: document (documents): 1 pairs were left out by it",
    ]
    card = render_card(data, samples_per_shard=1, shards=0, bytes_total=0)
    summary = render_training_summary(data, KeptContent(0, 0, 0, [], {}), Crawl(), [])
    for paper in (card, summary):
        assert all(line.split(":")[0] in paper.replace("\\", "") for line in said[:-1])
