"""Sources: what reading each costs. WAT beside cc2dataset's own code on the same file; the others beside a bare parser.

CPU seconds of one process, the links asserted to be the same ones first. `wat_full` is a file of Common Crawl's size.
"""

from __future__ import annotations

import json
import os
import statistics
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator, WarcRecordType
from selectolax.lexbor import LexborHTMLParser

from babelsift.pipelines.demo.crawl import write_warc
from babelsift.pipelines.demo.web import build_web
from babelsift.pipelines.inputs.crawl.archive import Record, read_records
from babelsift.pipelines.inputs.crawl.links import Base
from babelsift.pipelines.inputs.crawl.wat_record import WatRecord, decode_record
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.read_images import read_input_images
from babelsift.pipelines.inputs.read_slice import read_slice
from benchmarks.harness.outcome import Figure, Outcome
from benchmarks.peers.environments import PeerError, run_peer
from benchmarks.workloads.source_files import write_documents, write_images, write_webdataset
from benchmarks.workloads.wat_files import write_wat

PAGES = int(os.environ.get("SOURCES_PAGES", "3000"))
FULL_PAGES = int(os.environ.get("SOURCES_FULL_PAGES", "30000"))
_TABLE_ROWS = 200_000
_SAMPLES, _DOCUMENTS, _IMAGE_ROWS = 10_000, 10_000, 20_000
_MAX_IMAGE_BYTES = 1 << 20
_RUNS = 3


def run() -> Outcome:
    """Reads each source in turn with its peer."""
    figures: dict[str, Figure] = {}
    with TemporaryDirectory() as home:
        figures |= _wat(Path(home))
        figures |= _pages(Path(home))
        figures |= _table(Path(home))
        figures |= _webdataset(Path(home))
        figures |= _documents(Path(home))
        figures |= _bytes(Path(home))
    return Outcome(
        "sources", "CPU seconds of reading a source, and rows a second beside a bare loop over its parser", figures
    )


def _wat(home: Path) -> dict[str, Figure]:
    path = home / "some.warc.wat.gz"
    write_wat(path, PAGES)
    pairs = [[row["url"], row["caption"]] for batch in _pairs(path) for row in batch.to_pylist()]
    ours, links_alone, theirs = [], [], []
    for _ in range(_RUNS):
        ours.append(_cpu_s(lambda: _count(path)))
        links_alone.append(_cpu_s(lambda: _links(path)))
        try:
            theirs.append(run_peer("cc2dataset", "cc2dataset_links.py", str(path))["cpu_s"])
        except PeerError as error:
            print(f"bench: {error}", flush=True)
    if theirs:
        links = json.loads(Path(f"{path}.links.json").read_text())
        assert pairs == links, "cc2dataset takes other links of the same file"
        assert [list(link) for link in _links(path)] == links
    peer = statistics.median(theirs) if theirs else None
    mine = statistics.median(ours)
    alone = statistics.median(links_alone)
    full = home / "full.warc.wat.gz"
    records, unpacked = write_wat(full, FULL_PAGES, seed=2)
    what = f"s of CPU; {records} records, {full.stat().st_size / 1e6:.0f} MB, {unpacked / 1e6:.0f} MB unpacked"
    return {
        "wat": Figure(
            f"s of CPU; {PAGES} pages, {len(pairs)} pairs", mine, peer, peer / mine if peer else None, ">= 5"
        ),
        "wat_links": Figure("s of CPU; the same, links alone", alone, peer, peer / alone if peer else None, ">= 5"),
        "wat_full": Figure(what, _cpu_s(lambda: _count(full)), goal="< 10"),
    }


def _links(path: Path) -> list[tuple[str, str]]:
    """The links and texts alone, by the same parts that reading is made of."""
    links = []
    with path.open("rb") as file:
        for record in read_records(file, wanted=lambda header: header.record_type == WarcRecordType.metadata):
            said = decode_record(record.content) if isinstance(record, Record) else WatRecord()
            if said.html is not None:
                absolute = Base(said.page_url, said.html.base).absolute
                found = (link for link in said.html.links if link.path == "IMG@/src" and link.alt)
                links += [(absolute(link.url), link.alt) for link in found]
    return links


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


def _webdataset(home: Path) -> dict[str, Figure]:
    path = home / "samples.tar"
    write_webdataset(path, _SAMPLES)

    def bare() -> int:
        """Members' headers, the texts, and the json's objects."""
        texts = 0
        with tarfile.open(path) as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # tarfile would keep them all
                if not member.name.endswith(".jpg"):
                    content = tar.extractfile(member).read()  # type: ignore[union-attr]  # a file has content
                    texts += bool(member.name.endswith(".txt") or not json.loads(content))
        return texts

    return {"webdataset": _rates(lambda: _count(path), bare)}


def _documents(home: Path) -> dict[str, Figure]:
    path = home / "documents.parquet"
    write_documents(path, _DOCUMENTS)

    def bare() -> int:
        """Each image of each document as a Python value, beside the document's texts."""
        batches = (batch.to_pylist() for batch in pq.ParquetFile(path).iter_batches(256))
        return sum(image is not None for batch in batches for document in batch for image in document["images"])

    return {"documents": _rates(lambda: _source_rows(path), bare)}


def _bytes(home: Path) -> dict[str, Figure]:
    path = home / "images.parquet"
    write_images(path, _IMAGE_ROWS)

    def ours() -> int:
        plan = plan_input([str(path)])
        images = (read_input_images(part, max_bytes=_MAX_IMAGE_BYTES) for part in plan.slices)
        return sum(image.body is not None for part in images for image in part)

    def bare() -> int:
        batches = pq.ParquetFile(path).iter_batches(64, columns=["image"])
        return sum(image["bytes"] is not None for batch in batches for image in batch.column(0).to_pylist())

    return {"bytes": _rates(ours, bare), "bytes_texts": _rates(lambda: _count(path), bare)}


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


def _source_rows(path: Path) -> int:
    plan = plan_input([str(path)])
    return sum(block.rows for part in plan.slices for block in read_slice(part, plan))


def _count(path: Path) -> int:
    return sum(len(batch) for batch in _pairs(path))


def _cpu_s(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
