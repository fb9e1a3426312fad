"""A run that replaces a finished product is killed at many moments: each time the same command ends at the same bytes."""

import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.schemas.recipe import CaptionRules, ShardSettings
from tests.support.killed_runs import killed_runs
from tests.support.small_run import RECIPE, babelsift, product, write_pairs, write_recipe

MOMENTS = 14


@pytest.mark.slow
def test_killed_while_a_product_is_replaced(hostile_web, tmp_path):
    write_pairs(hostile_web, tmp_path / "pairs.parquet", 12)
    first = write_recipe(tmp_path / "first.yaml")
    shards, captions = ShardSettings(samples_per_shard=3), CaptionRules(min_characters=24)  # the first nine are shorter
    second = write_recipe(
        tmp_path / "second.yaml", RECIPE.model_copy(update={"name": "second", "shards": shards, "captions": captions})
    )
    source = ["--input", str(tmp_path / "pairs.parquet"), "--allow-shrink", "--output"]
    assert babelsift("curate", "--recipe", first, *source, str(tmp_path / "before")).code == 0
    command = ["curate", "--recipe", second, *source, str(tmp_path / "out")]
    runs = killed_runs(command, str(tmp_path / "out"), before=str(tmp_path / "before"), every=9)
    assert [run.is_killed for run in runs] == [True] * (len(runs) - 1) + [False]
    assert len(runs) > MOMENTS / 2
    assert any(run.is_replacing for run in runs), "none was killed while it replaced the product"
    assert {run.status for run in runs} == {0}
    expected = product(runs[-1].folder)
    for run in runs:
        assert product(run.folder) == expected, run
        manifest = read_manifest(RunFolder(run.folder))
        assert (manifest.replacement, manifest.unfinished) == (None, False)
