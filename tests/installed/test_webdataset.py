"""The product under webdataset's two lines of versions: 0.2, which img2dataset and open_clip need, and 1."""

import json
import sys

import pytest

from tests.support.installation import run_uv

_READ = """
import glob, json, sys
import webdataset
rows = []
for tar in sorted(glob.glob(sys.argv[1] + "/*.tar")):
    for sample in webdataset.WebDataset(tar, shardshuffle=False):
        row = json.loads(sample["json"])
        rows.append([sample["__key__"], row["uid"], sample["txt"].decode(), len(sample["jpg"]) > 0])
print(json.dumps([webdataset.__version__, rows]))
"""


@pytest.mark.parametrize(("requirement", "major"), [("webdataset==0.2.86", "0"), ("webdataset>=1,<2", "1")])
def test_the_shards_are_read_by_both(curated, tmp_path, requirement, major):
    command = [
        "run",
        "--quiet",
        "--no-project",
        "--isolated",
        "--python",
        sys.executable,
        "--with",
        requirement,
        "python",
        "-c",
        _READ,
    ]
    version, rows = json.loads(run_uv(*command, curated.home / "shards", cwd=tmp_path))
    assert version.startswith(f"{major}.")
    expected = curated.kept.select(["key", "uid", "caption"]).to_pylist()
    assert rows == [[row["key"], row["uid"], row["caption"], True] for row in expected]
