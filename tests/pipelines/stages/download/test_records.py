from __future__ import annotations

import pytest

from babelsift.filters.image import ImageFailure, process_image
from babelsift.pipelines.fetch import Fetched
from babelsift.pipelines.run_folder.shaping_settings import shaping_settings
from babelsift.pipelines.staging.layout import STAGED_SCHEMA
from babelsift.pipelines.staging.records import new_record, with_fetch_failure, with_image, with_image_failure
from babelsift.pipelines.staging.staged_rows import threshold_of
from babelsift.schemas import RejectReason
from babelsift.schemas.columns import FURTHER_IMAGE_COLUMNS, IMAGE_PROVENANCE
from babelsift.schemas.recipe import DownloadSettings, FaceSettings, OptOutSettings
from tests.support.hostile_web import encoded, photo
from tests.support.image_files import png_with

HASHES = {"sha1", "pdq", "pdq_quality"}  # where a recipe names hash lists
PROVENANCE = {field.name for field in IMAGE_PROVENANCE}
FURTHER = {field.name for field in FURTHER_IMAGE_COLUMNS}
PAIR = new_record(uid="0" * 32, url="http://e.com/a", caption="c", key="000000001")


@pytest.mark.parametrize(
    ("reason", "detail", "message"),
    [
        (RejectReason.OPTED_OUT, "noai", "Use of image disallowed by X-Robots-Tag directive"),
        (RejectReason.HTTP_STATUS, "404", "HTTP Error 404: Not Found"),
        (RejectReason.HTTP_STATUS, "599", "HTTP Error 599"),
        (RejectReason.TIMEOUT, "read, 10 s", "timeout: read, 10 s"),
    ],
)
def test_words_for_fetch_failures(reason, detail, message):
    record = with_fetch_failure(PAIR, Fetched(None, reason, detail))
    assert (record["status"], record["error_message"]) == ("failed_to_download", message)
    assert (record["reason"], record["detail"], record["uid"]) == (reason.value, detail, "0" * 32)


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (RejectReason.IMAGE_TOO_SMALL, "image too small"),
        (RejectReason.IMAGE_AREA_TOO_LARGE, "image area too large"),
        (RejectReason.ASPECT_RATIO_TOO_LARGE, "aspect ratio too large"),
        (RejectReason.IMAGE_UNDECODABLE, "Image decoding error"),
        (RejectReason.NOT_AN_IMAGE, "Image decoding error"),
    ],
)
def test_img2datasets_words_for_image_failures(reason, message):
    record = with_image_failure(PAIR, ImageFailure(reason, "12x9 px"))
    assert (record["status"], record["error_message"], record["reason"]) == ("failed_to_resize", message, reason.value)


def test_a_file_that_opts_out_is_a_failed_download():
    record = with_image_failure(PAIR, ImageFailure(RejectReason.DATA_MINING_PROHIBITED, "DMI-PROHIBITED"))
    assert (record["status"], record["error_message"]) == (
        "failed_to_download",
        "data mining prohibited: DMI-PROHIBITED",
    )


def test_a_record_has_every_column():
    image = process_image(encoded(photo(1)), DownloadSettings())
    record = with_image(PAIR, image)
    assert list(record) == STAGED_SCHEMA.names
    assert record["status"] == "success"
    unknown = {name for name, value in record.items() if value is None}
    places = {"image_offset", "image_size", "image_crc32"}
    assert unknown == {"error_message", "exif", "reason", "detail", "md5", "sha512", *HASHES} | places | FURTHER


def test_a_record_has_what_the_image_says_of_its_making():
    body = png_with(encoded(photo(1), "PNG"), [(b"tEXt", b"Software\0NovelAI")])
    record = with_image(PAIR, process_image(body, DownloadSettings(extract_provenance=True)))
    assert {name: record[name] for name in PROVENANCE} == {
        "image_generated": True,
        "image_source_type": None,
        "image_generator": "NovelAI",
        "image_c2pa": False,
    }


@pytest.mark.parametrize(
    ("change", "shapes"),
    [
        ({"image_size": 512}, True),
        ({"encode_quality": 80}, True),
        ({"max_body_bytes": 1000}, True),
        ({"disallowed_header_directives": ()}, True),
        ({"timeout_s": 1.0}, False),
        ({"opt_outs": OptOutSettings(content_usage=False)}, False),
        ({"retries": 9}, False),
        ({"extract_provenance": True}, True),
        ({"faces": FaceSettings(do="blur")}, True),
        ({"thread_count": 1}, False),
        ({"samples_per_staging_shard": 10}, False),
    ],
)
def test_which_settings_shape_a_download(change, shapes):
    assert (shaping_settings(DownloadSettings(**change)) != shaping_settings(DownloadSettings())) == shapes


def test_thresholds_are_the_settings_limits():
    settings = DownloadSettings(max_aspect_ratio=2.0)
    assert threshold_of("aspect_ratio_too_large", settings) == 2.0
    assert threshold_of("too_many_redirects", settings) == 5
    assert threshold_of("http_status", settings) is None
    assert threshold_of("has_faces", DownloadSettings(faces=FaceSettings(do="drop", min_score=0.7))) == 0.7
