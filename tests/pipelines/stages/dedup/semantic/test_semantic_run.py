"""A whole run with semantic dedup, and what a dry run foresees of it."""

import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.demo.server import serving
from babelsift.pipelines.demo.web import build_web, write_table
from babelsift.pipelines.job.run import run
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.replay.dry_run import dry_run
from babelsift.schemas.recipe import DedupSemanticSettings
from tests.support.answering_web import answering_pairs, patient

pytestmark = pytest.mark.xdist_group("semantic_run")  # its tests share what a fixture makes


def recipe(**settings):
    semantic = DedupSemanticSettings(epsilon=0.2, clusters=3, **settings)
    return patient(load_recipe("demo")).model_copy(update={"dedup_semantic": semantic})


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    home = tmp_path_factory.mktemp("semantic")
    web = build_web(seed=3, pairs=280)  # of which a hundred of one host must reach semantic dedup
    with serving(web) as base_url:
        write_table(answering_pairs(web), home / "pairs.parquet", base_url)
        funnel = run(
            recipe(min_removal_rate=0.99, max_removal_rate=None), [str(home / "pairs.parquet")], str(home / "out")
        )
    return home / "out", funnel


def rejected_by(funnel, stage):
    return next(one.rejected for one in funnel.stages if one.stage == stage)


@pytest.mark.slow
def test_a_run_records_whom_it_drops(curated):
    out, funnel = curated
    table = pq.read_table(out / "duplicates.parquet").to_pylist()
    semantic = [row for row in table if row["kind"] == "semantic"]
    assert rejected_by(funnel, "dedup_semantic") == {"semantic_duplicate": len(semantic)}
    assert semantic
    ledger = pq.read_table(out / "rejects").to_pylist()
    gone = {row["uid"]: row["value"] for row in ledger if row["reason"] == "semantic_duplicate"}
    assert gone == {row["uid"]: f"{row['survivor']} at {row['cosine']:.4f}" for row in semantic}
    assert not {row["survivor"] for row in semantic} & set(gone)


def test_a_dry_run_foresees_it(curated):
    out, funnel = curated
    assert dry_run(recipe(), str(out)).funnel.stages == funnel.stages  # the run had another bound, and warned
    only = dry_run(recipe(report_only=True), str(out)).funnel
    assert rejected_by(only, "dedup_semantic") == {}


@pytest.mark.slow
def test_the_report_shows_clusters_with_their_images(curated):
    out, _ = curated
    page = (out / "report" / "index.html").read_text()
    shown = page[page.index('<section id="clusters">') : page.index('<section id="kept">')]
    assert "<code>semantic</code>" in shown
    assert "cosine 0." in shown or "cosine 1." in shown
    assert shown.count("<img") == shown.count('class="card"')


def test_a_removal_rate_out_of_its_band_is_said_in_the_report(curated):
    out, _ = curated
    page = (out / "report" / "index.html").read_text()
    assert "Semantic dedup removed" in page
    assert "where 99% to 100% were expected" in page
