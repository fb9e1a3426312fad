"""A folder that babelsift 0.1.0 made: the same recipe on the same pairs goes on in it, and downloads nothing again."""

import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.pipelines.run_folder.replacement import product_files
from tests.support.small_run import babelsift, product

FOLDER = Path(__file__).parents[1] / "pipelines/run_folder/made_by_0_1_0.tar.xz"


@pytest.mark.slow
def test_the_same_recipe_goes_on_in_it(tmp_path):
    with tarfile.open(FOLDER) as tar:
        tar.extractall(tmp_path, filter="data")
    out = tmp_path / "out"
    tables = [path for where in ("shards", "validation", "rejects") for path in sorted(out.glob(f"{where}/*.parquet"))]
    pairs = pa.concat_tables(
        [pq.read_table(path, columns=["url", "caption"]) for path in tables], promote_options="permissive"
    )
    pq.write_table(pairs, tmp_path / "pairs.parquet")
    images = {path: path.read_bytes() for path in out.glob("staging/images/*.tar")}
    command = ["curate", "--recipe", str(out / "recipe.yaml"), "--input", str(tmp_path / "pairs.parquet")]
    said = babelsift(*command, "--output", str(out))  # no server has the images any more
    assert said.code == 0, said.log
    folder = RunFolder(str(out))
    manifest = read_manifest(folder)
    assert (manifest.format, manifest.epoch, manifest.unfinished, manifest.replacement) == (2, 1, False, None)
    assert manifest.product.total_samples == json.loads((out / "funnel.json").read_text())["kept_rows"] == 24
    assert {path: path.read_bytes() for path in images} == images
    assert set(product_files(folder)) <= {"manifest.json", ".babelsift-lock", *manifest.product.files()}
    before = product(str(out))
    for damaged in ("sizes.json", "shards/sizes.json"):
        (out / damaged).write_bytes(b"{\xff")  # made again
    assert babelsift(*command, "--output", str(out)).code == 0
    assert product(str(out)) == before
