"""Images of one folder that several versions of a library decoded are said to be, once and for good."""

from dataclasses import replace

import pytest

from babelsift.pipelines.job.record.decoders import (
    decoder_warning,
    decoders_in_facts,
    installed_decoders,
    with_decoders,
    with_own_decoders,
)
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import Manifest, read_manifest, write_manifest


def test_what_decodes_here_is_known():
    assert set(installed_decoders()) == {"OpenCV", "Pillow"}


@pytest.mark.parametrize(
    ("known", "now", "together", "is_warned"),
    [
        ({}, {"OpenCV": "5.0"}, {"OpenCV": ["5.0"]}, False),
        ({"OpenCV": ["5.0"]}, {"OpenCV": "5.0"}, {"OpenCV": ["5.0"]}, False),
        ({"OpenCV": ["4.13"]}, {"OpenCV": "5.0"}, {"OpenCV": ["4.13", "5.0"]}, True),
        ({"OpenCV": ["4.13", "5.0"]}, {"OpenCV": "4.13"}, {"OpenCV": ["5.0", "4.13"]}, True),
        ({"OpenCV": ["5.0"]}, {"OpenCV": "5.0", "Pillow": "12"}, {"OpenCV": ["5.0"], "Pillow": ["12"]}, False),
        ({"OpenCV": ["5.0"], "Pillow": ["11"]}, {"OpenCV": "5.0"}, {"OpenCV": ["5.0"], "Pillow": ["11"]}, False),
    ],
)
def test_versions_are_kept_and_several_of_one_library_are_said(known, now, together, is_warned):
    assert with_decoders(known, now) == together
    warning = decoder_warning(together)
    assert (warning is not None) == is_warned
    if is_warned:
        assert f"OpenCV {' and '.join(together['OpenCV'])}" in warning
        assert "equal files may differ in a few pixels" in warning


def test_a_folder_keeps_the_versions_of_all_its_runs(tmp_path):
    folder = RunFolder(str(tmp_path))
    write_manifest(folder, Manifest(partitions=1, decoders={"OpenCV": ["4.13.0.1"]}))
    manifest = with_own_decoders(read_manifest(folder))
    assert manifest.decoders["OpenCV"] == ["4.13.0.1", installed_decoders()["OpenCV"]]
    write_manifest(folder, manifest)
    assert with_own_decoders(read_manifest(folder)) == read_manifest(folder)


def test_a_folder_of_0_1_0_named_its_decoder_among_the_versions():
    versions = "Python 3.11.7, pyarrow 21.0.0, opencv-python-headless 4.13.0.90, torch 2.9.0"
    assert decoders_in_facts(versions) == {"OpenCV": ["4.13.0.90"]}
    manifest = with_own_decoders(replace(Manifest(partitions=1), facts={"versions": versions}))
    assert decoder_warning(manifest.decoders) is not None
    assert decoders_in_facts("Python 3.11.7") == {}
