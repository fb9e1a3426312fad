"""A run that Python starts."""

from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

import babelsift
from tests.support.hostile_web import HostileWeb
from tests.support.quick_beam import quick_beam
from tests.support.small_run import PAIRS, RECIPE, product, write_pairs, write_recipe
from tests.support.small_run import babelsift as command


@pytest.fixture
def pairs(tmp_path):
    with HostileWeb() as web:
        write_pairs(web, tmp_path / "pairs.parquet")
        yield tmp_path / "pairs.parquet"


def test_a_run_is_the_commands(tmp_path, pairs):
    with quick_beam():
        run = babelsift.curate(
            RECIPE, pairs, tmp_path / "python", columns="url=url,caption=2", options=PipelineOptions([])
        )
    assert run.funnel.input_rows == PAIRS
    assert run.pairs().count_rows() == run.funnel.kept_rows
    assert run.pairs().count_rows() + run.rejects().count_rows() == PAIRS
    recipe = write_recipe(tmp_path / "recipe.yaml")
    said = command("curate", "--recipe", recipe, "--input", str(pairs), "--output", str(tmp_path / "command"))
    assert said.code == 0, said.log
    assert product(str(tmp_path / "python")) == product(str(tmp_path / "command"))


def test_settings_are_changed_and_passed_on(tmp_path, pairs):
    recipe, out = Path(write_recipe(tmp_path / "recipe.yaml")), tmp_path / "out"
    with quick_beam():
        first = babelsift.curate(recipe, [pairs], out, options=["--direct_num_workers=1"])
        with pytest.raises(babelsift.RunFolderError, match="allow-shrink"):
            babelsift.curate(recipe, [pairs], out, changes=["captions.min_words=100"])
        none = babelsift.curate(recipe, [pairs], out, changes=["captions.min_words=100"], allow_shrink=True)
    assert first.funnel.kept_rows == PAIRS - 2
    assert none.funnel.kept_rows == 0


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (("nonesuch", "a.parquet"), {}, "no recipe 'nonesuch'"),
        ((RECIPE, "a.parquet"), {"until": "rules"}, "until leaves no finished run"),
        ((RECIPE, "a.parquet"), {"changes": ["captions.min_words=2"]}, "change the recipe itself"),
        ((RECIPE, "a.parquet"), {"columns": "uri=1"}, "uri"),
        ((RECIPE, "a.parquet"), {"allow_shrnik": True}, "no setting 'allow_shrnik'; did you mean 'allow_shrink'"),
        ((RECIPE, []), {}, "nothing to read|--input"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, arguments, settings, said):
    with pytest.raises(babelsift.BabelsiftError, match=said) as raised:
        babelsift.curate(*arguments, tmp_path / "out", **settings)
    assert "\n" not in str(raised.value)
