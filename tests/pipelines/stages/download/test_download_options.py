"""Options under img2dataset's names; `benchmarks/img2dataset_contract.py` holds their outcome to the real one's."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from functools import partial

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from babelsift.filters.image import process_image
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.download.partition import PartitionDownload
from babelsift.pipelines.stages.download.row_options import RowOptions, check_option_columns
from babelsift.pipelines.stages.download.worker import acquire_worker, release_worker
from babelsift.pipelines.staging.shards import StagingListing
from babelsift.schemas import RecipeError, SchemaError
from babelsift.schemas.recipe import DownloadSettings, FaceSettings
from tests.support.hostile_web import answer, encoded, photo
from tests.support.tiny_face_detector import process_with_tiny_detector, with_faces, write_tiny_detector

EXIF = Image.Exif()
EXIF[0x010F] = "Canon"
BODY = encoded(photo(1, (160, 120)), quality=95, exif=EXIF)
SETTINGS = DownloadSettings(
    image_size=80, timeout_s=60.0, retries=0, ports=None, allow_addresses=("127.0.0.0/8",), resize_mode="keep_ratio"
)


@pytest.fixture
def staged(hostile_web, tmp_path):
    """staged(columns, **settings) -> (rows of the parquet, json members, images), of as many URLs of one photo."""
    hostile_web.on_any(answer(BODY))

    def run(columns=None, process=process_image, **changes):
        settings = SETTINGS.model_copy(update=changes)
        count = len(next(iter(columns.values()))) if columns else 1
        rows = {
            "uid": [f"{n:032x}" for n in range(count)],
            "url": [hostile_web.url(f"/{n}") for n in range(count)],
            "caption": ["c"] * count,
        }
        folder = RunFolder(str(tmp_path))
        worker = acquire_worker(settings, process)
        try:
            partition = PartitionDownload(folder, settings, 1, worker, threading.Event())
            partition.stage(0, pa.RecordBatch.from_pydict(rows | (columns or {})), StagingListing(folder))
        finally:
            release_worker(settings, process)
        table = pq.read_table(tmp_path / "staging/images/00000.parquet").to_pylist()
        with tarfile.open(tmp_path / "staging/images/00000.tar") as tar:
            files = {member.name: tar.extractfile(member).read() for member in tar}
        documents = {name[:-5]: json.loads(content) for name, content in files.items() if name.endswith(".json")}
        images = {name[:-4]: content for name, content in files.items() if name.endswith((".jpg", ".png"))}
        return table, documents, images

    return run


@pytest.mark.parametrize("name", ["md5", "sha512"])
def test_another_hash_stands_beside_sha256(staged, name):
    table, documents, _ = staged(compute_hash=name)
    wanted = {"sha256": hashlib.sha256(BODY).hexdigest(), name: hashlib.new(name, BODY).hexdigest()}
    for row in (table[0], *documents.values()):
        assert {key: row[key] for key in wanted} == wanted


@pytest.mark.parametrize("name", ["sha256", None])
def test_without_another_hash_the_json_is_img2datasets(staged, name):
    table, documents, _ = staged(compute_hash=name)
    assert (table[0]["md5"], table[0]["sha512"]) == (None, None)
    assert not {"md5", "sha512"} & set(next(iter(documents.values())))


@pytest.mark.parametrize("name", ["md5", "sha256", "sha512"])
def test_bytes_are_held_to_the_hash_in_the_input(staged, name):
    right = hashlib.new(name, BODY).hexdigest()
    column = [right, "0" * len(right), None, right.upper()]
    table, documents, _ = staged({"digest": column}, verify_hash=("digest", name))
    mismatch = ("failed_to_download", "hash mismatch", "hash_mismatch", right)
    found = [tuple(row[key] for key in ("status", "error_message", "reason", "detail")) for row in table]
    assert found == [("success", None, None, None), mismatch, mismatch, mismatch]
    assert len(documents) == 1


def test_a_hash_in_a_column_of_a_name_that_is_ours(staged):
    table, _, _ = staged({"input_sha256": [hashlib.sha256(BODY).hexdigest()]}, verify_hash=("sha256", "sha256"))
    assert table[0]["status"] == "success"


@pytest.mark.parametrize("extract", [True, False])
def test_exif_is_extracted_where_asked_for(staged, extract):
    table, documents, _ = staged(extract_exif=extract)
    found = json.dumps({"Image Make": "Canon"}) if extract else None
    assert table[0]["exif"] == found
    assert ("exif" in next(iter(documents.values()))) == extract


def test_boxes_are_blurred_before_the_crop_and_wrong_ones_are_a_reason(staged):
    boxes = [[[0.0, 0.0, 0.5, 1.0]], [], None, [[0.0, 0.5]]]
    settings = {"bbox_col": "faces", "encode_format": "png", "encode_quality": 1, "resize_mode": "center_crop"}
    table, _, images = staged({"faces": boxes}, **settings)
    assert [row["reason"] for row in table] == [None, None, None, "boxes_invalid"]
    assert (table[3]["status"], table[3]["error_message"]) == ("failed_to_resize", "Image decoding error")
    blurred, *sharp = (
        cv2.imdecode(np.frombuffer(images[key], np.uint8), cv2.IMREAD_COLOR).astype(int) for key in sorted(images)
    )
    assert (sharp[0] == sharp[1]).all()
    apart = np.abs(blurred - sharp[0])
    # half of the 107 px before the crop to 80 is 40 in the middle; the margin and the blur's edge reach a little further
    assert apart[:, :30].mean() > 1
    assert apart[:, 60:].max() <= 1


def test_a_file_is_not_kept_as_it_is_where_boxes_are_to_be_blurred(staged):
    settings = {"skip_reencode": True, "resize_mode": "no", "bbox_col": "faces"}
    _, _, images = staged({"faces": [[], [[0.1, 0.1, 0.9, 0.9]]]}, **settings)
    kept, blurred = (images[key] for key in sorted(images))
    assert kept == BODY
    assert blurred != BODY


def test_faces_are_blurred_before_anything_is_stored(staged, hostile_web, tmp_path):
    process = partial(process_with_tiny_detector, str(write_tiny_detector(tmp_path / "packages")))
    sharp = with_faces(96, 64, (48, 32))
    hostile_web.on_any(answer(cv2.imencode(".png", sharp)[1].tobytes()))
    settings = {"faces": FaceSettings(do="blur"), "encode_format": "png", "encode_quality": 1, "skip_reencode": True}
    (row,), _, images = staged(process=process, **settings)
    (box,) = json.loads(row["face_boxes"])
    assert (row["face_count"], box) == (1, pytest.approx([34 / 96, 18 / 64, 66 / 96, 50 / 64], abs=1e-3))
    (stored,) = (cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR) for image in images.values())
    assert np.abs(np.diff(stored[26:40, 42:58].astype(int), axis=1)).max() < 6
    assert (stored[:, :16] == sharp[:, :16]).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"verify_hash": ("sha265", "sha256")},
            "download.verify_hash: the input has no other column 'sha265'; did you mean 'sha256'?",
        ),
        (
            {"bbox_col": "zzz"},
            "download.bbox_col: the input has no other column 'zzz'; it has sha256, faces",
        ),
    ],
)
def test_columns_that_the_input_lacks_are_named_before_a_run(settings, message):
    with pytest.raises(RecipeError) as raised:
        check_option_columns(DownloadSettings(**settings), ["sha256", "faces"])
    assert str(raised.value) == message


def test_columns_that_get_lost_on_the_way_stop_the_run(staged):
    with pytest.raises(SchemaError, match="column 'faces' is missing"):
        staged(bbox_col="faces")


def test_nothing_asked_nothing_compared():
    assert RowOptions().mismatch(b"x") is None
