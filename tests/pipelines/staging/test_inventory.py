"""What is said of images that were staged before an opt-out was heard."""

from __future__ import annotations

import pyarrow as pa
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.shaping_settings import heard_opt_outs, shaping_settings
from babelsift.pipelines.staging.inventory import check_downloads, say_what_was_not_heard
from babelsift.pipelines.staging.layout import STAGED_SCHEMA
from babelsift.pipelines.staging.shards import StagingWriter
from babelsift.schemas.recipe import DownloadSettings, OptOutSettings

SETTINGS = DownloadSettings()


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path))


def stage(folder, number, opt_outs, *, images):
    texts = dict.fromkeys(("url", "caption", "key"), "x")
    rows = [
        {**dict.fromkeys(STAGED_SCHEMA.names), **texts, "uid": str(row), "status": "success"} for row in range(images)
    ]
    staged = pa.RecordBatch.from_pylist(rows, schema=STAGED_SCHEMA)
    with StagingWriter(folder, number, 10, shaping_settings(SETTINGS), opt_outs=opt_outs) as writer:
        writer.commit(staged, start_time=0, end_time=0)


def said(folder, caplog, **opt_outs):
    settings = SETTINGS.model_copy(update={"opt_outs": OptOutSettings(**opt_outs)})
    say_what_was_not_heard(check_downloads(folder, settings, force=False))
    return " ".join(caplog.messages)


def test_shards_of_today_and_those_without_images_are_not_spoken_of(folder, caplog):
    stage(folder, 0, heard_opt_outs(SETTINGS), images=2)
    stage(folder, 1, None, images=0)
    assert said(folder, caplog) == said(folder, caplog, data_mining=False) == ""


def test_images_from_before_are_counted_and_stay(folder, caplog):
    stage(folder, 0, None, images=2)
    stage(folder, 1, ["x_robots_tag", "content_usage", "content_signal", "data_mining"], images=3)
    line = said(folder, caplog)
    assert "5 images were staged before" in line
    assert "content_signal, content_usage, data_mining, tdm_reservation" in line


def test_a_form_that_is_switched_on_later(folder, caplog):
    stage(folder, 0, heard_opt_outs(SETTINGS), images=4)
    assert "4 images were staged before these opt-outs were heard, and stay: ai_txt;" in said(
        folder, caplog, ai_txt=True
    )


def test_training_crawlers_are_heard_in_a_robots_txt_that_is_asked_for():
    assert "training_crawlers" not in heard_opt_outs(SETTINGS)
    asked = SETTINGS.model_copy(update={"robots_txt": True})
    assert "training_crawlers" in heard_opt_outs(asked)
    silent = asked.model_copy(update={"opt_outs": OptOutSettings(training_crawlers=())})
    assert "training_crawlers" not in heard_opt_outs(silent)
