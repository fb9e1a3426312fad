"""The papers of a run, made of a real one."""

import csv
import io

import pytest

import babelsift
from babelsift.pipelines.inspection.papers import DOMAINS, SUMMARY
from babelsift.pipelines.rendering.training_summary import Domain, top_domains
from tests.support.hostile_web import HostileWeb, answer, encoded, photo
from tests.support.small_run import babelsift as command
from tests.support.small_run import write_pairs, write_recipe

pytestmark = pytest.mark.xdist_group("papers")  # its tests share what a fixture makes


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    home = tmp_path_factory.mktemp("papers")
    with HostileWeb() as web:
        write_pairs(web, home / "pairs.parquet")
        web.on("/0.jpg", answer(encoded(photo(0, (48, 40))), "tdm-reservation: 1"))
        said = command(
            *("curate", "--recipe", write_recipe(home / "recipe.yaml"), "--input", str(home / "pairs.parquet")),
            *("--set", "download.contact=us@example.org", "--output", str(home / "out")),
        )
    assert said.code == 0, said.log
    return home / "out"


def test_the_summary_has_the_runs_own_figures(out, tmp_path, capsys):
    said = command("papers", str(out), "--to", str(tmp_path))
    assert said.code == 0, said.log
    text = (tmp_path / SUMMARY).read_text(encoding="utf-8")
    run = babelsift.open_run(str(out))
    kept = run.funnel.kept_rows
    assert f"less than 1 million images: {kept}" in text
    assert "babelsift; +us@example.org" in text
    assert "| `tdm_reserved` | 1 |" in text
    assert "- TDMRep's `tdm-reservation` header".replace("`", "\\`") in text
    assert "does not read robots.txt" in text
    assert "to be filled in by the provider" in text
    assert str(out.parent) not in text
    assert "read from `pairs.parquet`" in text
    assert "Fixed rules edited them" not in text
    [row] = csv.DictReader(io.StringIO((tmp_path / DOMAINS).read_text()))
    sizes = run.pairs().to_table(columns=["original_bytes"]).column(0).to_pylist()
    assert row == {"domain": "127.0.0.1", "images": str(kept), "bytes": str(sum(sizes))}


def test_it_is_written_beside_the_run_unless_said(out):
    before = sorted(path.relative_to(out) for path in out.rglob("*"))
    said = command("papers", str(out), "--json")
    assert said.code == 0, said.log
    assert (out.parent / "out-papers" / SUMMARY).exists()
    assert sorted(path.relative_to(out) for path in out.rglob("*")) == before


def test_a_folder_without_a_run_is_one_line(tmp_path):
    assert "no complete run is there" in command("papers", str(tmp_path)).error


@pytest.mark.parametrize(
    ("domains", "is_small", "named"),
    [(0, False, 0), (1, False, 1), (25, False, 3), (25, True, 2), (100_000, True, 1000)],
)
def test_the_largest_tenth_is_named_or_of_a_small_provider_a_twentieth(domains, is_small, named):
    ranked = [Domain(f"{number}.com", 1, domains - number) for number in range(domains)]
    assert top_domains(ranked, is_small_provider=is_small) == ranked[:named]
