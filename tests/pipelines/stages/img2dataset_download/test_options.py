import pytest

from babelsift.pipelines.stages.img2dataset_download.options import (
    check_img2dataset,
    img2dataset_options,
    shaping_options,
)
from babelsift.schemas import RecipeError
from babelsift.schemas.recipe import DownloadSettings, FaceSettings


def test_what_has_no_limit_is_left_to_img2datasets_own_default():
    options = img2dataset_options(DownloadSettings(max_aspect_ratio=3.0, disallowed_header_directives=()))
    assert "max_image_area" not in options
    assert options["max_aspect_ratio"] == 3.0
    assert options["disallowed_header_directives"] == []  # for img2dataset: none; its null are the usual four
    assert (options["timeout"], options["retries"], options["resize_mode"]) == (10.0, 2, "keep_ratio")


def test_how_the_web_is_asked_shapes_no_image():
    asked = DownloadSettings(timeout_s=3.0, retries=7, thread_count=9, samples_per_staging_shard=5)
    assert shaping_options(asked) == shaping_options(DownloadSettings())
    assert shaping_options(DownloadSettings(image_size=64)) != shaping_options(DownloadSettings())


@pytest.mark.parametrize(
    ("settings", "distributor", "output", "says"),
    [
        ({"robots_txt": True}, "multiprocessing", "out", "robots"),
        ({"bbox_col": "faces"}, "multiprocessing", "out", "bbox_col"),
        ({"faces": FaceSettings(do="blur")}, "multiprocessing", "out", "download.faces is not for it, it finds none"),
        ({"verify_hash": ("digest", "md5")}, "multiprocessing", "out", "verify_hash"),
        ({"requests_per_host_per_s": 1.0}, "multiprocessing", "out", "pace"),
        ({}, "dask", "out", "multiprocessing, pyspark, ray"),
        ({}, "multiprocessing", "runs/[1]", "another folder"),
        ({}, "multiprocessing", "out", r"babelsift\[img2dataset\]"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(settings, distributor, output, says):
    with pytest.raises(RecipeError, match=says):
        check_img2dataset(DownloadSettings.model_validate(settings), distributor, output)
