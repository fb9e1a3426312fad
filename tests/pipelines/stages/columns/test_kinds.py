"""The table of kinds, and names that packages bring."""

import re
from importlib import metadata

import pyarrow as pa
import pytest

from babelsift.pipelines.stages.columns.kinds import KINDS, kind_of
from babelsift.schemas import ModelError, RecipeError
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
    return module


def test_a_package_brings_a_name(installed):
    assert [entry.name for entry in metadata.entry_points(group="babelsift.columns")] == ["long"]
    maker = kind_of(column("long")).make(column("long", gives="integer"), None)
    maker.close()
    assert maker.info["call"] == "their_columns:length"


def test_a_name_that_nothing_brings_names_the_closest(installed):
    with pytest.raises(RecipeError, match="nothing is called 'lang'; did you mean 'long'"):
        kind_of(column("lang"))


def test_a_name_that_two_packages_bring_is_refused_with_the_choice(installed, tmp_path):
    other = tmp_path / "other_package-1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other-package\nVersion: 1\n")
    (other / "entry_points.txt").write_text("[babelsift.columns]\nlong = elsewhere:length\nbroken = gone:f\n")
    both = "elsewhere:length, their_columns:length; say which: `by: call, call: elsewhere:length`"
    with pytest.raises(RecipeError, match=re.escape(f"several installed packages bring 'long': {both}")):
        kind_of(column("long"))
    with pytest.raises(ModelError, match=r"column 'mine': gone:f: cannot be imported: .*No module named 'gone'"):
        kind_of(column("broken")).make(column("broken"), None)
    (other / "entry_points.txt").write_text(f"[babelsift.columns]\nnested = {installed}:Outer.half\n")
    maker = kind_of(column("nested")).make(column("nested"), None)
    assert maker.make(pa.array(["abcd"])).column(0).to_pylist() == [2.0]
    maker.close()
