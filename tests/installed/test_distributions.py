"""What the wheel and the sdist hold, and what they can be installed beside."""

import csv
import io
import tarfile
import zipfile
from pathlib import PurePosixPath

from tests.support.installation import ROOT, run_uv
from tools.lint.package_links import FOLDERS
from tools.lint.tracked_files import tracked_files


def packaged_files():
    """The files that git has of the package, by their names in an installed tree."""
    for name in tracked_files(ROOT):
        top = name.split("/")[0]
        if top in FOLDERS:
            yield f"babelsift/{name}"
        elif top == "babelsift":
            yield name


def test_nothing_but_babelsift_is_at_the_top_of_the_installed_tree(installation):
    with zipfile.ZipFile(installation.wheel) as wheel:
        tops = {PurePosixPath(name).parts[0] for name in wheel.namelist()}
        record = next(name for name in wheel.namelist() if name.endswith("/RECORD"))
        recorded = {row[0] for row in csv.reader(io.StringIO(wheel.read(record).decode()))}
    assert {top.partition("-")[0] for top in tops} == {"babelsift"}
    assert len(tops) == 2, "the package, and what says of which version it is"
    assert recorded >= {"babelsift/__init__.py", "babelsift/py.typed"}


def test_the_wheel_holds_every_file_of_the_package_and_the_licence(installation):
    with zipfile.ZipFile(installation.wheel) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        [licence] = [name for name in names if name.endswith("/licenses/LICENSE")]
        assert "Apache License" in wheel.read(licence).decode()
    assert not set(packaged_files()) - names
    assert {name for name in names if name.startswith("babelsift/")} == set(packaged_files())
    assert "License-Expression: Apache-2.0" in metadata


def test_the_sdist_holds_what_is_needed_to_build_it_again(installation):
    with tarfile.open(installation.sdist) as sdist:
        names = {PurePosixPath(name).relative_to(PurePosixPath(name).parts[0]).as_posix() for name in sdist.getnames()}
    assert {
        name.removeprefix("babelsift/") if "/" in name.removeprefix("babelsift/") else name for name in packaged_files()
    } <= names
    assert {"setup.py", "pyproject.toml", "README.md", "LICENSE"} <= names


def test_img2dataset_installs_beside_babelsift(installation):
    """One resolution of both: img2dataset 1.47 wants OpenCV below 5 and webdataset below 0.3."""
    requirements = installation.home.parent / "with_img2dataset.txt"
    requirements.write_text(f"babelsift[clip,webdataset] @ {installation.wheel.as_uri()}\nimg2dataset>=1.47\n")
    resolved = run_uv("pip", "compile", "--quiet", "--no-header", "--no-annotate", requirements).split()
    assert any(line.startswith("img2dataset==1.47") for line in resolved)
