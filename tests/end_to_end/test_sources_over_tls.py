"""Sources behind https, where the server's certificate is of an authority that SSL_CERT_FILE names."""

import gzip
import io
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.crawl_files import image_link, metadata_record, wat_json
from tests.support.hostile_web import HostileWeb, answer
from tests.support.hugging_face_hub import serving_hub
from tests.support.own_authority import OwnAuthority

FOLDER = "crawl-data/CC-MAIN-2024-22/segments/17/wat"
NAMES = [f"{FOLDER}/{number}.warc.wat.gz" for number in range(2)]
LIST = "crawl-data/CC-MAIN-2024-22/wat.paths.gz"


@pytest.fixture
def authority(tmp_path):
    return OwnAuthority(tmp_path)


def curate(given, out, *, trusted=None, **environment):
    words = ["curate", "--recipe", "laion400m", "--input", given, "--output", str(out), "--until", "read"]
    environment = {**os.environ, "BABELSIFT_STORAGE_PATIENCE_S": "1", **environment}
    if trusted is not None:
        environment["SSL_CERT_FILE"] = str(trusted)
    command = [sys.executable, "-m", "babelsift", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    rows = [row for path in (out / "until/read").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    return done, sorted((row["source_file"], row["url"]) for row in rows)


def is_one_line(done, *parts):
    [line] = [line for line in done.stderr.splitlines() if line.startswith("babelsift:")]
    return done.returncode == 2 and "Traceback" not in done.stderr and all(part in line for part in parts)


def test_a_list_of_paths_and_its_files_are_read_of_a_server_that_is_trusted(tmp_path, authority):
    with HostileWeb(context=authority.server_context()) as web:
        for number, name in enumerate(NAMES):
            page = f"https://example.org/{number}.html"
            record = metadata_record(page, wat_json(page, [image_link(f"/{number}.jpg", "a dog that runs")]))
            web.on(f"/{name}", answer(record))
        listed = web.on(f"/{LIST}", answer(gzip.compress("\n".join(NAMES).encode())))
        trusting, rows = curate(listed, tmp_path / "out", trusted=authority.certificate)
        assert trusting.returncode == 0, trusting.stderr
        assert rows == [(name, f"https://example.org/{number}.jpg") for number, name in enumerate(NAMES)]
        distrusting, _ = curate(listed, tmp_path / "other")
        assert is_one_line(distrusting, "certificate", LIST, "SSL_CERT_FILE"), distrusting.stderr


def test_a_data_set_is_read_of_a_hub_that_is_trusted(tmp_path, authority):
    stream = io.BytesIO()
    pq.write_table(pa.table({"url": ["http://x/1.jpg"], "caption": ["a photo of a thing"]}), stream)
    files = {"data/train-0.parquet": stream.getvalue()}
    given = "hf://datasets/someone/pairs/data/*.parquet"
    with serving_hub("someone/pairs", files, context=authority.server_context()) as endpoint:
        hub = {"HF_ENDPOINT": endpoint, "HF_TOKEN": ""}
        trusting, rows = curate(given, tmp_path / "out", trusted=authority.certificate, **hub)
        assert trusting.returncode == 0, trusting.stderr
        assert rows == [("train-0.parquet", "http://x/1.jpg")]
        distrusting, _ = curate(given, tmp_path / "other", **hub)
        assert is_one_line(distrusting, "certificate", given, "SSL_CERT_FILE"), distrusting.stderr
