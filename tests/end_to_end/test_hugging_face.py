"""Data sets of a hub, by hf://, through the command in a process of its own: its endpoint is read at import."""

import io
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.hugging_face_hub import serving_hub

NAME = "someone/pairs"


def parquet(first):
    stream = io.BytesIO()
    urls = [f"http://x/{number}.jpg" for number in range(first, first + 3)]
    pq.write_table(
        pa.table({"url": urls, "caption": [f"a photo of thing {n}" for n in range(first, first + 3)]}), stream
    )
    return stream.getvalue()


FILES = {"data/train-0.parquet": parquet(0), "data/train-1.parquet": parquet(3), "README.md": b"# pairs"}


def curate(endpoint, given, out):
    words = ["curate", "--recipe", "laion400m", "--input", given, "--output", str(out), "--until", "read"]
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "BABELSIFT_STORAGE_PATIENCE_S": "1", "HF_TOKEN": ""}
    command = [sys.executable, "-m", "babelsift", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.parametrize("given", ["hf://datasets/someone/pairs/data/*.parquet", "hf://datasets/someone/pairs/data"])
def test_a_data_set_of_a_hub_is_an_input(tmp_path, given):
    with serving_hub(NAME, FILES) as endpoint:
        done = curate(endpoint, given, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    rows = [row for path in (tmp_path / "out/until/read").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert sorted((row["source_file"], row["source_row"], row["url"]) for row in rows) == [
        (f"train-{n // 3}.parquet", n % 3, f"http://x/{n}.jpg") for n in range(6)
    ]


@pytest.mark.parametrize(
    "given", ["hf://datasets/someone/nothing/data/*.parquet", "hf://datasets/someone/pairs/no.csv"]
)
def test_a_data_set_that_is_not_there_is_one_line(tmp_path, given):
    with serving_hub(NAME, FILES) as endpoint:
        done = curate(endpoint, given, tmp_path / "out")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("babelsift:")]
    assert given in line
