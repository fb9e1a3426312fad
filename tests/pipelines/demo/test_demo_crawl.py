"""The demo's web as WARC and WAT files: the same pairs, in the order of its table."""

import pytest

from babelsift.pipelines.demo.crawl import write_warc, write_wat
from babelsift.pipelines.demo.web import build_web
from babelsift.pipelines.inputs.plan import plan_input
from tests.support.input_rows import read_rows


@pytest.mark.parametrize(("write", "name"), [(write_warc, "a.warc.gz"), (write_wat, "a.warc.wat.gz")])
def test_a_crawl_of_the_web_holds_its_pairs_in_their_order(tmp_path, write, name):
    web = build_web(3, 200)
    write(web, tmp_path / name, "http://127.0.0.1:1")
    plan = plan_input([str(tmp_path / name)])
    pairs = read_rows(plan).pairs
    assert [row["source_row"] for row in pairs] == list(range(200))
    assert [(row["url"], row["caption"]) for row in pairs] == [
        ("http://127.0.0.1:1" + pair.path, pair.caption) for pair in web.pairs
    ]
