"""The table of kinds, and names that packages bring."""

from importlib import metadata

import pytest

from babelsift.pipelines.stages.columns.kinds import KINDS, kind_of
from babelsift.schemas import RecipeError
from babelsift.schemas.recipe import Column


def column(by, of="caption", **settings):
    return Column(name="mine", of=of, by=by, **settings)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_says_of_what_it_is(name):
    assert KINDS[name].of
    assert set(KINDS[name].of) <= {"caption", "url", "row", "image", "pair", "embedding"}


@pytest.fixture
def installed(tmp_path, monkeypatch, module):
    """A package that is installed beside the module, and brings the name `long`."""
    info = tmp_path / "their_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[babelsift.columns]\nlong = {module}:length\n")


def test_a_package_brings_a_name(installed):
    assert [entry.name for entry in metadata.entry_points(group="babelsift.columns")] == ["long"]
    maker = kind_of(column("long")).make(column("long", gives="integer"), None)
    maker.close()
    assert maker.info["call"] == "their_columns:length"


def test_a_name_that_nothing_brings_names_the_closest(installed):
    with pytest.raises(RecipeError, match="nothing is called 'lang'; did you mean 'long'"):
        kind_of(column("lang"))
