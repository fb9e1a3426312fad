"""Lists of URLs: each once, whoever has it and however often it is listed; failures again where that is asked for."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.core.runners.run_job import run_job
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.download.retry import parse_retry
from babelsift.pipelines.stages.img2dataset_download.list_urls import ListUrls
from babelsift.pipelines.stages.img2dataset_folder.scan import ImportShards, plan_import
from babelsift.pipelines.staging.img2dataset.listed_urls import next_round, read_refused, unfinished_shards
from babelsift.schemas.recipe import DownloadSettings
from tests.support.img2dataset_folder import Entry, entries, write_shard
from tests.support.quick_beam import quick_beam

_SETTINGS = DownloadSettings(allow_addresses=("127.0.0.0/8",), ports=None)


@pytest.fixture
def folder(tmp_path):
    with quick_beam():
        yield RunFolder(str(tmp_path / "out"))


def list_round(folder, urls, **options):
    """The round's (listed_url, url) pairs, after one of pairs with these URLs."""
    with folder.writing("until/dedup_pairs/00000.parquet") as file:
        pq.write_table(pa.table({"url": urls}), file)
    number = next_round(folder)
    run_job(ListUrls(folder, _SETTINGS, "until/dedup_pairs", number, 2, **options), "ListUrls", PipelineOptions([]))
    names = [name for name in folder.list("staging/img2dataset/urls") if name.startswith(f"{number:05d}")]
    tables = [pq.read_table(folder.path("staging/img2dataset/urls", name)) for name in names]
    return sorted((row["listed_url"], row["url"]) for table in tables for row in table.to_pylist())


def url(name):
    return f"http://127.0.0.1/{name}"


def test_a_later_round_lists_what_is_new_and_what_failed_so(folder, tmp_path):
    first = [url("a b"), url("a b"), url("c"), url("d"), "http://10.0.0.1/"]
    assert list_round(folder, first) == [(url("a b"), url("a%20b")), (url("c"), url("c")), (url("d"), url("d"))]
    [name] = folder.list("staging/img2dataset/refused")
    assert read_refused(name, folder).select(["url", "reason", "detail", "staging_shard"]).to_pylist() == [
        {
            "url": "http://10.0.0.1/",
            "reason": "address_refused",
            "detail": "private address 10.0.0.1",
            "staging_shard": -1,
        }
    ]
    assert list_round(folder, [*first, url("e")]) == [(url("e"), url("e"))]
    assert unfinished_shards(folder, samples_per_shard=1) == (4, 4)

    [whole] = entries(1)
    listed = {"listed_url": url("a b")}
    made = [Entry(url("a%20b"), None, image=whole.image, size=whole.size, more=listed)]
    made += [Entry(url("c"), None, error="HTTP Error 503: Busy", more={"listed_url": url("c")})]
    made += [Entry(url("d"), None, error="HTTP Error 404: Not Found", more={"listed_url": url("d")})]
    write_shard(tmp_path / "made", 0, made, save_caption=False)
    plan = plan_import(str(tmp_path / "made"))
    run_job(ImportShards(folder, _SETTINGS, plan), "Import", PipelineOptions([]))
    wants = parse_retry(["5xx", "address_refused"], before=0.0).wants
    again = list_round(folder, [*first, url("e")], earlier=plan, wants=wants)
    assert again == [(url("c"), url("c"))]
    assert len(folder.list("staging/img2dataset/refused")) == 2  # asked again, and refused again
