"""The report as a person opens it: in a browser, on a wide and a narrow screen, in the dark, on paper."""

from dataclasses import replace

import pyarrow as pa
import pytest

from babelsift.filters.counting import count_urls, summarise_domains
from babelsift.pipelines.rendering import ImageCluster, Sample, render_report
from tests.support.browser import browser, serious_faults, watched_page
from tests.support.report_data import full_data, hostile_data, jpeg

pytestmark = pytest.mark.slow
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 800}


def sample(number, stage="shard", reason=None, **more):
    fields = {"image": jpeg(), "image_extension": "jpg", **more}
    return Sample(stage, reason, f"{number:032x}", f"https://a.example/{'p' * 80}/{number}.jpg", "word " * 20, **fields)


def every_section():
    """Data that fill each section of the page."""
    data, bound = full_data(), ("rules", "too_few_characters")
    samples = [
        *data.samples,
        sample(1, is_veiled=True),
        sample(2, *bound, value="4", threshold="5", is_near=True, beside=bound),
        sample(3, "dedup_images", "near_duplicate_image", survivor=sample(4), how_near="3 bits", threshold="31"),
        sample(5, caption_before="before", edits="markup"),
    ]
    urls = pa.array([f"http://{'long-name' * 6}{number}.example.org/1.jpg" for number in range(6)])
    outcomes = pa.array(["downloaded", "timeout", "kept", "http_status 404", "timeout", "downloaded"])
    table = pa.table({"language": ["en", "de"], "value": [3.0, 20.0], "rows": [5, 30]})
    stage = {"stage": "download", "began_s": 2.0, "seconds": 5.0, "in_rows": 9, "out_rows": 8, "rows_per_s": 12.0}
    return replace(
        data,
        samples=samples,
        edits={"markup": 3},
        hosts=summarise_domains(count_urls(urls, outcomes)),
        measures={"caption length, characters": table, "shorter side, px": table},
        clusters=[ImageCluster("near_hash", sample(6), [sample(7, value="3 bits")], size=1)],
        timings={"began": 0.0, "seconds": 9.0, "download_bytes": 7, "stages": [stage]},
    )


@pytest.fixture(scope="module")
def running():
    with browser() as opened:
        yield opened


@pytest.fixture(params=[every_section, hostile_data], ids=["full", "hostile"])
def page_url(request, tmp_path):
    path = tmp_path / "index.html"
    path.write_text(render_report(request.param()), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_from_using_the_page_and_nothing_is_fetched(running, page_url, scheme):
    with watched_page(running, page_url, viewport=WIDE, color_scheme=scheme) as page:
        page.evaluate("document.querySelectorAll('details:not(.veil)').forEach((fold) => { fold.open = true })")
        assert serious_faults(page) == []


def test_nothing_is_wider_than_a_narrow_screen(running, page_url):
    with watched_page(running, page_url, viewport=NARROW) as page:
        page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        wide = "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
        assert page.evaluate(f"{wide}.map((one) => one.getAttribute('aria-label'))") == []


def test_the_funnel_has_its_bars_on_a_narrow_screen(running, tmp_path):
    (tmp_path / "index.html").write_text(render_report(every_section()), encoding="utf-8")
    with watched_page(running, (tmp_path / "index.html").as_uri(), viewport=NARROW) as page:
        widths = "[...document.querySelectorAll('.funnel .bar i')].map((one) => one.getBoundingClientRect().width)"
        assert all(page.evaluate(widths))


def test_it_is_printed_with_its_bars(running, page_url):
    with watched_page(running, page_url, viewport=WIDE) as page:
        page.emulate_media(media="print")
        style = "getComputedStyle(document.querySelector('.bar i'))"
        assert page.evaluate(f"{style}.printColorAdjust") == "exact"
        assert page.evaluate(f"{style}.backgroundColor") != "rgba(0, 0, 0, 0)"
        assert len(page.pdf()) > 10_000


def test_a_hidden_picture_is_seen_after_a_click_and_a_uid_is_selected_whole(running, tmp_path):
    (tmp_path / "index.html").write_text(render_report(every_section()), encoding="utf-8")
    with watched_page(running, (tmp_path / "index.html").as_uri(), viewport=WIDE) as page:
        picture = page.locator(".veil img").first
        assert "blur" in picture.evaluate("image => getComputedStyle(image).filter")
        page.locator(".veil summary").first.click()
        assert picture.evaluate("image => getComputedStyle(image).filter") == "none"
        uid = page.locator("#kept .uid").last
        uid.click()
        assert page.evaluate("getSelection().toString()") == uid.inner_text()
