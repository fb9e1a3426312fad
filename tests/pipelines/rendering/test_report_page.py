import re
import subprocess
import sys

import pytest

from babelsift.pipelines.rendering import ImageCluster, ReportData, Sample, render_report
from babelsift.schemas import Funnel
from tests.support.report_data import (
    HOSTILE,
    UID,
    Page,
    full_data,
    funnel,
    hostile_data,
    jpeg,
    recipe,
)

FETCHING = {"src", "srcset", "poster", "data", "background", "action", "formaction", "ping", "manifest", "code"}


@pytest.fixture(scope="module")
def full_html():
    return render_report(full_data())


@pytest.fixture(scope="module")
def hostile_html():
    return render_report(hostile_data())


def test_hostile_texts_add_no_element_and_no_attribute(hostile_html):
    page = Page(hostile_html)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "iframe", "object", "embed", "link", "base", "form", "input", "audio", "video"}
    assert not {name for _, attrs in page.elements for name in attrs if name.startswith("on")}
    assert "<b>&amp;" not in hostile_html  # as the hostile text has it
    assert "<script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>" in page.text


def test_only_plain_web_addresses_become_links(hostile_html, full_html):
    outward = [a for a in Page(hostile_html).all("a") if not a["href"].startswith("#")]
    assert {a["href"] for a in outward} == {
        'https://evil.example/"onmouseover="alert(1)',
        "https://evil.example/'><script>alert(1)</script>",
        "http://[::1",
    }
    for link in outward + [a for a in Page(full_html).all("a") if not a["href"].startswith("#")]:
        assert link["rel"] == "noreferrer noopener nofollow"


def test_a_refused_address_is_never_a_link():
    sample = Sample("download", "address_refused", UID, "http://169.254.169.254/latest", "a cat")
    page = Page(render_report(ReportData(recipe(), funnel(1), samples=[sample])))
    assert "http://169.254.169.254/latest" in page.text
    assert all(a["href"].startswith("#") for a in page.all("a"))


def test_an_image_of_a_type_we_did_not_choose_is_not_shown(hostile_html):
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    sample = Sample("shard", None, UID, "https://a.example/", "x", image=svg, image_extension="svg+xml")
    assert Page(render_report(ReportData(recipe(), funnel(1), samples=[sample]))).all("img") == []
    assert Page(hostile_html).all("img") == []


@pytest.mark.parametrize("html", ["full_html", "hostile_html"])
def test_the_page_fetches_nothing(html, request):
    html = request.getfixturevalue(html)
    page = Page(html)
    for tag, attrs in page.elements:
        for name in FETCHING & set(attrs):
            assert attrs[name].startswith("data:image/"), (tag, name, attrs[name])
        if tag != "a":
            assert attrs.get("href", "#").startswith("#"), (tag, attrs)
        assert "url(" not in attrs.get("style", "").replace("url(#", "")
    assert not re.search(r"@import|url\((?!#)", re.search(r"<style>(.*?)</style>", html, re.DOTALL).group(1))
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_the_page_is_valid_utf8_and_no_text_turns_its_neighbours(hostile_html):
    hostile_html.encode()
    assert "\u202e" not in hostile_html


def test_ids_are_unique_and_every_reference_has_its_target(full_html):
    ids = re.findall(r'\bid="([^"]*)"', full_html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]*)', full_html)) <= set(ids)


def test_headline_tables_and_samples_show_the_numbers(full_html):
    page = Page(full_html)
    assert "850 of 1,000 pairs were kept." in page.text
    assert "The stage that rejected the most was rules, with 10.0\u00a0% of the input" in full_html
    assert "similarity_too_low 50 5.6 % 5.0 %" in page.text  # of the stage's 900 rows, of the input
    assert "similarity 0.312" in page.text
    assert "found 0.21 asked for 0.26" in page.text
    assert "en 300 300 250 83.3 %" in page.text
    assert page.all("h1") == [{}]
    assert "min_similarity:" in page.text


def test_bars_are_as_wide_as_their_share(full_html):
    bars = re.findall(r'<i class="([a-z0-9 ]+)" style="width:([0-9.]+)%"', full_html)
    assert bars[:3] == [("kept apart", "100.000"), ("kept apart", "90.000"), ("r0 apart", "10.000")]


def test_images_have_alternatives_and_tables_have_headers(full_html):
    page = Page(full_html)
    assert len(page.all("img")) == 2
    assert all(image["alt"].strip() and image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert all("scope" in header for header in page.all("th"))


def test_captions_carry_language_and_direction():
    samples = [
        Sample("shard", None, UID, "https://a.example/", "قطة", "ar"),
        Sample("shard", None, UID, "https://a.example/", "猫", "zh"),
        Sample("shard", None, UID, "https://a.example/", "cat", "und"),
        Sample("shard", None, UID, "https://a.example/", "cat", 'x" onclick="alert(1)'),
    ]
    page = Page(render_report(ReportData(recipe(), funnel(4), samples=samples)))
    captions = [(p["lang"], p["dir"]) for p in page.all("p") if p.get("class") == "caption"]
    assert captions == [("ar", "rtl"), ("zh", "auto"), ("", "auto"), ("", "auto")]


def test_long_texts_are_clipped():
    sample = Sample("shard", None, UID, "https://a.example/" + "p" * 3000 + "/end.jpg", "word " * 5000, "en")
    page = Page(render_report(ReportData(recipe(), funnel(1), samples=[sample])))
    assert "word …" not in page.text
    assert page.text.count("word") < 100
    assert re.search(r"https://a\.example/p+…p*/end\.jpg", page.text)
    assert "p" * 100 not in page.text


def test_same_data_same_page(full_html):
    assert render_report(full_data()) == full_html


def test_another_process_renders_the_same_page(full_html):
    # Another hash seed and another time zone must not show.
    program = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('made', {__file__!r})\n"
        "made = importlib.util.module_from_spec(spec); spec.loader.exec_module(made)\n"
        "sys.stdout.buffer.write(made.render_report(made.full_data()).encode())\n"
    )
    environment = {
        "PYTHONPATH": ":".join(sys.path),
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Tokyo",
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert done.stdout.decode() == full_html


def test_no_rows():
    page = Page(render_report(ReportData(recipe(), Funnel.from_counts({}))))
    assert "The input held no rows" in page.text
    assert "No pair was rejected." in page.text


def test_nothing_but_a_recipe_and_an_empty_funnel():
    assert "test-recipe" in render_report(ReportData(recipe(), Funnel(())))


def test_one_language():
    page = Page(render_report(ReportData(recipe(), funnel(10))))
    assert "1 language kept" in page.text.replace("language kept 1", "1 language kept")
    assert "other language" not in page.text


def test_many_languages_are_cut_at_thirty_and_summed():
    codes = tuple(f"{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(200))
    page = Page(render_report(ReportData(recipe(), funnel(2000, languages=codes))))
    assert "170 other languages 1,700 1,700 1,700 100 %" in page.text
    assert "languages kept 200" in page.text


def test_a_page_needs_no_model_no_beam_and_no_plotting_library():
    program = (
        "import sys\nfrom babelsift.pipelines.rendering import *\nfrom babelsift.schemas import *\n"
        "render_report(ReportData(recipe_from({'name': 'x'}, source='x'), Funnel.from_counts({})))\n"
        "assert not {'matplotlib', 'apache_beam', 'torch'} & set(sys.modules), 'imported'\n"
    )
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, check=True)


def test_image_clusters_lie_side_by_side():
    def one(number, value=None, image=None):
        return Sample("dedup_images", uid=f"{number:032x}", value=value, image=image, image_extension="jpg")

    others = [one(2, "9 bits", jpeg()), one(3, HOSTILE)]
    cluster = ImageCluster("near_hash", one(1, image=jpeg()), others, size=7, note="kept all the same")
    data = ReportData(recipe(), funnel(10), clusters=[cluster])
    page = Page(render_report(data))
    assert "near_hash 2 of 7; kept all the same survivor" in page.text
    assert page.text.index("survivor babelsift why . 00000000") < page.text.index("9 bits")
    assert len(page.all("img")) == 2
    assert not page.all("script")
    assert "#clusters" in [link["href"] for link in page.all("a")]
    assert "Image clusters" not in Page(render_report(ReportData(recipe(), funnel(10)))).text
