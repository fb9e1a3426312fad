"""Sources: what reading each costs. WAT beside cc2dataset's own code on the same file; the others beside a bare parser.

CPU seconds of one process, the links asserted to be the same ones first. `wat_full` is a file of Common Crawl's size.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator
from selectolax.lexbor import LexborHTMLParser

from babelsift.pipelines.demo.crawl import write_warc
from babelsift.pipelines.demo.web import build_web
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.read_slice import read_slice
from benchmarks.harness.outcome import Figure, Outcome
from benchmarks.peers.environments import PeerError, run_peer
from benchmarks.workloads.wat_files import write_wat

PAGES = int(os.environ.get("SOURCES_PAGES", "3000"))
FULL_PAGES = int(os.environ.get("SOURCES_FULL_PAGES", "30000"))
_TABLE_ROWS = 200_000
_RUNS = 3


def run() -> Outcome:
    """Reads each source in turn with its peer."""
    figures: dict[str, Figure] = {}
    with TemporaryDirectory() as home:
        figures |= _wat(Path(home))
        figures |= _pages(Path(home))
        figures |= _table(Path(home))
    return Outcome(
        "sources", "CPU seconds of reading a source, and rows a second beside a bare loop over its parser", figures
    )


def _wat(home: Path) -> dict[str, Figure]:
    path = home / "some.warc.wat.gz"
    write_wat(path, PAGES)
    pairs = [[row["url"], row["caption"]] for batch in _pairs(path) for row in batch.to_pylist()]
    ours, theirs = [], []
    for _ in range(_RUNS):
        ours.append(_cpu_s(lambda: _count(path)))
        try:
            theirs.append(run_peer("cc2dataset", "cc2dataset_links.py", str(path))["cpu_s"])
        except PeerError as error:
            print(f"bench: {error}", flush=True)
    if theirs:
        links = json.loads(Path(f"{path}.links.json").read_text())
        assert pairs == links, "cc2dataset takes other links of the same file"
    peer = statistics.median(theirs) if theirs else None
    mine = statistics.median(ours)
    full = home / "full.warc.wat.gz"
    records, unpacked = write_wat(full, FULL_PAGES, seed=2)
    what = f"s of CPU; {records} records, {full.stat().st_size / 1e6:.0f} MB, {unpacked / 1e6:.0f} MB unpacked"
    return {
        "wat": Figure(
            f"s of CPU; {PAGES} pages, {len(pairs)} pairs", mine, peer, peer / mine if peer else None, ">= 5"
        ),
        "wat_full": Figure(what, _cpu_s(lambda: _count(full)), goal="< 10"),
    }


def _pages(home: Path) -> dict[str, Figure]:
    path = home / "pages.warc.gz"
    write_warc(build_web(0, 16_000), path, "http://127.0.0.1:1")

    def bare() -> int:
        with path.open("rb") as file:
            return sum(len(LexborHTMLParser(record.reader.read()).css("img")) for record in ArchiveIterator(file))

    return {"warc": _rates(lambda: _count(path), bare)}


def _table(home: Path) -> dict[str, Figure]:
    path = home / "pairs.parquet"
    urls = [f"https://example.org/{number}.jpg" for number in range(_TABLE_ROWS)]
    pq.write_table(
        pa.table({"url": urls, "caption": [f"a photo of thing {number}" for number in range(_TABLE_ROWS)]}), path
    )

    def bare() -> int:
        return sum(len(batch) for batch in pq.ParquetFile(path).iter_batches(2048))

    return {"parquet": _rates(lambda: _count(path), bare)}


def _rates(ours: Callable[[], int], bare: Callable[[], int]) -> Figure:
    assert ours() == bare()
    rows = bare()
    mine, theirs = ([], [])
    for _ in range(_RUNS):
        mine.append(rows / _cpu_s(ours))
        theirs.append(rows / _cpu_s(bare))
    pace, peer = statistics.median(mine), statistics.median(theirs)
    return Figure("rows/s of CPU, beside a bare loop", pace, peer, pace / peer)


def _pairs(path: Path) -> Iterator[pa.RecordBatch]:
    plan = plan_input([str(path)])
    for part in plan.slices:
        for block in read_slice(part, plan):
            yield from block.pairs


def _count(path: Path) -> int:
    return sum(len(batch) for batch in _pairs(path))


def _cpu_s(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
