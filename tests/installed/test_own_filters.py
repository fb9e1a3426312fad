"""The example package of a user's own filters, installed from its wheel, in a run of the installed command."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.hostile_web import HostileWeb, answer, encoded, photo
from tests.support.installation import ROOT, refused_in_one_line, run_uv, succeeded

_EXAMPLE = ROOT / "examples" / "own_filters"
_DOWNLOAD = 'download: {ports: null, allow_addresses: ["127.0.0.1/32"], retries: 0}\n'


@pytest.fixture(scope="module")
def packages(installation, tmp_path_factory) -> Path:
    """A folder with the package's wheel installed into it, beside the environment that all tests share."""
    home = tmp_path_factory.mktemp("own_filters")
    run_uv("build", "--quiet", "--wheel", "--out-dir", home / "dist", installation.sources / "examples" / "own_filters")
    [wheel] = (home / "dist").glob("*.whl")
    options = ["--quiet", "--no-deps", "--python", installation.python, "--target", home / "packages"]
    run_uv("pip", "install", *options, wheel)
    return home / "packages"


@pytest.mark.slow
def test_a_recipe_names_what_the_package_brings(installation, packages, tmp_path):
    (tmp_path / "recipe.yaml").write_text((_EXAMPLE / "recipe.yaml").read_text() + _DOWNLOAD)
    with HostileWeb() as web:
        urls = [web.on(f"/{number}.jpg", answer(encoded(photo(number, (60, 40))))) for number in range(4)]
        captions = ["a dog in the park", "BUY NOW A DOG", "1234 56", "two cats on a SOFA"]
        pq.write_table(pa.table({"url": urls, "caption": captions}), tmp_path / "pairs.parquet")
        command = ["curate", "--recipe", "recipe.yaml", "--input", "pairs.parquet", "--output", "out"]
        succeeded(installation.babelsift(*command, cwd=tmp_path, PYTHONPATH=str(packages)))
        assert web.total_requests == 2
    rows = pq.read_table(tmp_path / "out" / "shards" / "00000000.parquet").to_pylist()
    assert {row["caption"] for row in rows} == {captions[0], captions[3]}
    assert all(0 < row["paleness"] < 0.95 for row in rows)
    funnel = {stage["stage"]: stage for stage in json.loads((tmp_path / "out" / "funnel.json").read_text())["stages"]}
    assert funnel["text_columns"]["rejected"] == {"shouting_not_met": 2}
    assert funnel["image_columns"]["out_rows"] == 2


def test_without_the_package_the_name_is_refused(installation, workplace, tmp_path):
    (tmp_path / "recipe.yaml").write_text((_EXAMPLE / "recipe.yaml").read_text())
    pq.write_table(pa.table({"url": ["http://example.org/1.jpg"], "caption": ["a"]}), tmp_path / "pairs.parquet")
    command = ["curate", "--recipe", "recipe.yaml", "--input", "pairs.parquet", "--output", "out"]
    assert "nothing is called 'shouting'" in refused_in_one_line(installation.babelsift(*command, cwd=tmp_path))
