"""Eight worker processes are as polite as one: a host is asked by one of them, at its pace, and looked up once."""

import subprocess
import sys
import time
from collections import defaultdict

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.schemas import Recipe
from babelsift.schemas.recipe import DownloadSettings, ShardSettings
from tests.support.hostile_web import LOOPBACK_ONLY, answer, encoded, photo
from tests.support.name_server import NameServer
from tests.support.small_run import write_recipe

HEAVY, OTHERS = "heavy.test", [f"host-{number}.test" for number in range(6)]
IMAGES = {HEAVY: 16, **dict.fromkeys(OTHERS, 2)}
WORKERS = ["--direct_running_mode", "multi_processing", "--direct_num_workers", "8"]


@pytest.mark.slow
def test_a_host_limited_to_a_request_a_second_sees_one_from_eight_workers(hostile_web, tmp_path):
    """A domain with most of the rows is spread over all partitions where no pace is asked for."""
    times = defaultdict(list)
    serve = answer(encoded(photo(1, (48, 40))))

    async def timed(request):
        times[request.headers["host"].partition(":")[0]].append(time.monotonic())
        await serve(request)

    hostile_web.on_any(timed)
    urls = [hostile_web.url(f"/{number}.jpg", host=host) for host, count in IMAGES.items() for number in range(count)]
    captions = [f"a photo of thing number {number}" for number in range(len(urls))]
    pq.write_table(pa.table({"url": urls, "caption": captions}), tmp_path / "pairs.parquet")
    with NameServer(dict.fromkeys(IMAGES, ("127.0.0.1", 3600))) as server:
        polite = {"requests_per_host_per_s": 1.0, "name_servers": (server.address,), "samples_per_staging_shard": 2}
        download = DownloadSettings(image_size=32, **LOOPBACK_ONLY, **polite)
        shards = ShardSettings(samples_per_shard=8)
        recipe = write_recipe(tmp_path / "recipe.yaml", Recipe(name="polite", download=download, shards=shards))
        command = [sys.executable, "-m", "babelsift", "curate", "--recipe", recipe]
        command += ["--input", str(tmp_path / "pairs.parquet"), "--output", str(tmp_path / "out"), *WORKERS]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert {host: len(seen) for host, seen in times.items()} == IMAGES
        assert server.asked == dict.fromkeys(IMAGES, 1)
    for seen in times.values():
        # a request may reach the server late, never early; so k seconds lie between k requests but for one's delay
        assert all(later - earlier >= apart - 1 for earlier, later, apart in spans(sorted(seen)))
    processes = {path.stem for path in (tmp_path / "out/staging/progress").glob("*.json")} - {"driver"}
    assert len(processes) > 1, "hosts were asked by several workers"


def spans(moments):
    """Yields (earlier, later, seconds that should lie between them) of each two of a host's requests."""
    for first, earlier in enumerate(moments):
        for apart, later in enumerate(moments[first:]):
            yield earlier, later, apart
