import re
import subprocess
import sys
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from babelsift.filters.counting import ColumnCounts
from babelsift.pipelines.rendering import ImageCluster, ReportData, Sample, render_report
from babelsift.schemas import STAGE_ORDER, Funnel, recipe_from

UID = "0123456789abcdef0123456789abcdef"
HOSTILE = "</style></title><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>\"'><b>&amp;"
FETCHING = {"src", "srcset", "poster", "data", "background", "action", "formaction", "ping", "manifest", "code"}


class Page(HTMLParser):
    """The page as a browser sees it: elements with their attributes, and the text outside style sheets."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self._in_style = [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_endtag(self, tag):
        self._in_style = False

    def handle_data(self, data):
        if not self._in_style:
            self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def recipe(**settings):
    return recipe_from({"name": "test-recipe", **settings}, source="test")


def funnel(rows, *, rejected=None, languages=("en",)):
    """`rows` go in; `rejected` is stage -> reason -> rows, taken from the first language from the language stage on."""
    counts, left, first = {}, rows, {}
    for stage in (stage.value for stage in STAGE_ORDER):
        if stage == "language":
            shares = np.array_split(np.arange(left), len(languages))
            first = {language: len(share) for language, share in zip(languages, shares, strict=True)}
        gone = (rejected or {}).get(stage, {})
        _put(counts, stage, "in", first, left)
        for reason, number in gone.items():
            counts[stage, reason, languages[0] if first else ""] = number
            left -= number
            if first:
                first = {**first, languages[0]: first[languages[0]] - number}
        _put(counts, stage, "out", first, left)
    return Funnel.from_counts(counts).check()


def _put(counts, stage, outcome, by_language, rows):
    for language, number in (by_language or {"": rows}).items():
        counts[stage, outcome, language] = number


def jpeg():
    return cv2.imencode(".jpg", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()


def histogram(center, rows=200):
    scores = np.random.default_rng(0).normal(center, 0.03, rows)
    bins, counts = np.unique(np.floor((scores + 1) / 2e-4).astype(int), return_counts=True)
    return dict(zip(bins.tolist(), counts.tolist(), strict=True))


def full_data():
    clip = {"model": "ViT-B-32", "pretrained": "x", "name": "b32"}
    return ReportData(
        recipe=recipe(clip=[clip, {"model": "other"}], select={"min_similarity": {"en": 0.28, "default": 0.26}}),
        funnel=funnel(
            1000, rejected={"rules": {"too_few_characters": 100}, "select": {"similarity_too_low": 50}},
            languages=("en", "de", "zh"),
        ),
        facts={"input": "pairs.parquet"},
        score_histograms={
            "similarity_b32": {"en": histogram(0.3), "de": histogram(0.27)},
            "similarity_other": {"en": histogram(0.1)},
        },
        bin_width=2e-4,
        samples=[
            Sample("shard", None, UID, "https://a.example/1.jpg", "a cat", "en", similarity=0.3125, image=jpeg(),
                   image_extension="jpg"),
            Sample("select", "similarity_too_low", UID, "http://b.example/2.jpg", "ein Hund", "de", "0.21", "0.26",
                   0.21, jpeg(), "jpg"),
            Sample("rules", "too_few_characters", UID, "http://b.example/3.jpg", "x", None, "1", "5"),
        ],
    )  # fmt: skip


def hostile_data():
    sample = {"uid": HOSTILE, "caption": HOSTILE, "language": HOSTILE, "value": HOSTILE, "threshold": HOSTILE}
    urls = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "vbscript:x",
        "//evil.example/x",
        'https://evil.example/"onmouseover="alert(1)',
        "https://evil.example/'><script>alert(1)</script>",
        "http://[::1",
        "\x00\x1bhttps://evil.example/\ud800",
        "https://evil.example/\u202egpj.exe",
    ]
    samples = [
        Sample(stage, reason, url=url, image=image, image_extension=HOSTILE if image else None, **sample)
        for url in urls
        for stage, reason, image in (("shard", None, jpeg()), (HOSTILE, HOSTILE, None))
    ]
    return ReportData(
        recipe=recipe(description=HOSTILE, download={"contact": HOSTILE}),
        funnel=funnel(3, languages=(HOSTILE,), rejected={"rules": {HOSTILE: 1}}),
        facts={HOSTILE: HOSTILE},
        score_histograms={f"similarity_{HOSTILE}": {HOSTILE: histogram(0.2), "中文$x$": histogram(0.2)}},
        samples=samples,
    )


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
    assert page.all("b") == [{}]  # the count in the funnel's legend; the hostile text has one too
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
    assert bars[:3] == [("kept wide", "100.000"), ("kept wide", "90.000"), ("r0 wide", "10.000")]


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


def test_another_process_renders_the_same_page(full_html, tmp_path):
    # A style of the user's own, another hash seed and another time zone must not show.
    (tmp_path / "matplotlibrc").write_text("axes.linewidth: 5\nxtick.labelsize: 30\n")
    program = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('made', {__file__!r})\n"
        "made = importlib.util.module_from_spec(spec); spec.loader.exec_module(made)\n"
        "sys.stdout.buffer.write(made.render_report(made.full_data()).encode())\n"
    )
    environment = {
        "PYTHONPATH": ":".join(sys.path),
        "PYTHONHASHSEED": "7",
        "MATPLOTLIBRC": str(tmp_path),
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


def test_without_clip_models_matplotlib_is_not_even_imported():
    program = (
        "import sys\nfrom babelsift.pipelines.rendering import *\nfrom babelsift.schemas import *\n"
        "html = render_report(ReportData(recipe_from({'name': 'x'}, source='x'), Funnel.from_counts({})))\n"
        "assert 'id=\"similarity\"' not in html\n"
        "assert not {'matplotlib', 'apache_beam', 'torch'} & set(sys.modules), 'imported'\n"
    )
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, check=True)


def notes(data):
    return re.findall(r"<li>([^<]*)</li>", render_report(data).split("Please note")[1].split("</section>")[0])


def test_warns_of_everything_a_reader_should_not_overlook():
    data = ReportData(
        recipe(
            clip={"model": "babelsift-demo"},
            language={"keep": ["en", "cy"]},
            download={"allow_addresses": ["10.0.0.0/8"], "verify_tls": False, "disallowed_header_directives": []},
        ),
        funnel(90, languages=("mk", "en"), rejected={"select": {"similarity_too_low": 45}}),
    )
    found = " ".join(notes(data))
    for words in ("kept of mk,", "keeps cy,", "demo model", "10.0.0.0/8", "TLS", "X-Robots-Tag"):
        assert words in found


def test_warns_of_a_column_that_could_not_be_made_and_says_why():
    broken, fussy = (ColumnCounts(30, failed, failed=failed, errors=("RuntimeError no",)) for failed in (30, 3))
    found = notes(ReportData(recipe(), funnel(30), columns={"broken": broken, "fussy": fussy}))
    assert [line for line in found if "no value" in line] == ["column broken: 30 of 30 have no value: RuntimeError no."]


def test_warns_of_private_addresses_that_only_the_facts_know():
    assert "Private" in notes(ReportData(recipe(), funnel(1), {"private addresses allowed": "all"}))[0]
    assert "Please note" not in render_report(ReportData(recipe(), funnel(1), {"private addresses allowed": "no"}))


def test_warns_of_a_stage_that_rejected_everything():
    data = ReportData(recipe(), funnel(20, rejected={"download": {"dns_failure": 20}}))
    assert notes(data) == ["The stage download rejected everything that reached it (20 rows)."]


def test_warnings_of_stages_are_shown_and_escaped():
    data = ReportData(recipe(), funnel(10), warnings=["Image dedup removed 90 % of <b>host</b> bad.org"])
    rendered = render_report(data)
    assert "Image dedup removed 90 % of &lt;b&gt;host&lt;/b&gt; bad.org" in rendered
    assert "<b>host</b>" not in rendered


def test_image_clusters_lie_side_by_side():
    def one(number, value=None, image=None):
        return Sample("dedup_images", uid=f"{number:032x}", value=value, image=image, image_extension="jpg")

    others = [one(2, "9 bits", jpeg()), one(3, HOSTILE)]
    cluster = ImageCluster("near_hash", one(1, image=jpeg()), others, size=7, note="kept all the same")
    data = ReportData(recipe(), funnel(10), clusters=[cluster])
    page = Page(render_report(data))
    assert "near_hash 2 of 7; kept all the same survivor" in page.text
    assert page.text.index("survivor 00000000") < page.text.index("9 bits")
    assert len(page.all("img")) == 2
    assert not page.all("script")
    assert "#clusters" in [link["href"] for link in page.all("a")]
    assert "Image clusters" not in Page(render_report(ReportData(recipe(), funnel(10)))).text
