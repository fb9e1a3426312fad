import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.counting import ColumnCounts, count_urls, summarise_domains
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
        return " ".join(" ".join(self.texts).split()).replace("_ ", "_")  # which the page may break there


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
    assert notes(data) == ["The stage download rejected everything that reached it (20 rows), 100 % for dns_failure."]


def test_warnings_of_stages_are_shown_and_escaped():
    warned = replace(funnel(10), warnings=("Image dedup removed 90 % of <b>host</b> bad.org",))
    rendered = render_report(ReportData(recipe(), warned))
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
    assert page.text.index("survivor babelsift why . 00000000") < page.text.index("9 bits")
    assert len(page.all("img")) == 2
    assert not page.all("script")
    assert "#clusters" in [link["href"] for link in page.all("a")]
    assert "Image clusters" not in Page(render_report(ReportData(recipe(), funnel(10)))).text


def sample(number, stage="shard", reason=None, **fields):
    return Sample(
        stage, reason, f"{number:032x}", f"https://a.example/{number}.jpg", f"caption {number}", "en", **fields
    )


def test_a_duplicate_stands_beside_its_survivor_with_both_pictures_and_how_near_they_are():
    survivor = sample(2, image=jpeg(), image_extension="jpg")
    duplicate = sample(1, "dedup_images", "near_duplicate_image", value=f"{2:032x} at 3 bits", threshold="31",
                       survivor=survivor, how_near="3 bits", image=jpeg(), image_extension="jpg")  # fmt: skip
    data = ReportData(recipe(), funnel(9, rejected={"dedup_images": {"near_duplicate_image": 1}}), samples=[duplicate])
    page = Page(render_report(data))
    assert len(page.all("img")) == 2
    assert re.search(r"left out caption 1 .* 3 bits asked for 31 in its place kept caption 2", page.text)


def test_pairs_nearest_to_a_bound_are_shown_on_both_sides_of_it_and_not_among_those_drawn_at_random():
    bound = ("rules", "too_few_words")
    beyond = sample(1, *bound, value="2", threshold="3", is_near=True, beside=bound)
    within = sample(2, value="3", is_near=True, beside=bound)
    data = ReportData(recipe(), funnel(9, rejected={"rules": {"too_few_words": 1}}), samples=[beyond, within])
    text = Page(render_report(data)).text
    assert re.search(r"too_few_words 1 left out, 1 kept Left out .*caption 1.* Kept .*caption 2", text)
    assert text.count("caption 1") == text.count("caption 2") == 1


def test_a_picture_that_may_be_explicit_is_blurred_until_asked_for_without_a_script():
    veiled, plain = (sample(n, image=jpeg(), image_extension="jpg", is_veiled=n == 1) for n in (1, 2))
    html = render_report(ReportData(recipe(), funnel(9), samples=[veiled, plain]))
    [fold] = re.findall(r'<details class="veil">(.*?)</details>', html, re.DOTALL)
    assert "hidden: may be explicit or violent" in fold
    assert fold.count("<img ") == 1
    assert html.count("<img ") == 2
    assert re.search(r"\.veil img \{ filter: blur\(", html)


def test_edited_captions_are_shown_with_what_they_were():
    edited = sample(1, caption_before="caption 1 &amp; more", edits="markup")
    text = Page(render_report(ReportData(recipe(), funnel(9), samples=[edited], edits={"markup": 4}))).text
    assert "markup 4 of the captions" in text
    assert "caption 1 &amp; more caption 1 markup" in text


def test_a_uid_is_shown_with_the_command_that_says_what_became_of_it():
    page = Page(render_report(ReportData(recipe(), funnel(10), samples=[sample(10**37)])))
    assert f"babelsift why . {10**37:032x}"[:24] in page.text
    assert [code["title"] for code in page.all("code") if "title" in code] == [f"uid {10**37:032x}"]


def test_stages_that_are_off_are_told_apart_from_those_that_met_nothing():
    settings = {"frequency": {"max_images_per_caption": 3}, "images": {"min_side_px": 100}}
    text = Page(
        render_report(ReportData(recipe(**settings), funnel(10, rejected={"rules": {"too_few_words": 2}})))
    ).text
    [quiet] = re.findall(r"Ran, and left nothing out: ([^.]*)\.", text)
    [off] = re.findall(r"Switched off by the recipe: ([^.]*)\.", text)
    assert {"frequency", "image_rules", "language", "dedup_pairs", "download"} <= set(
        re.split(r"\s*,\s*", quiet.strip())
    )
    assert set(re.split(r"\s*,\s*", off.strip())) == {
        *("metadata", "decontaminate", "score", "decontaminate_embeddings", "dedup_semantic", "select", "balance")
    }


def test_a_stage_that_left_rows_out_is_never_called_off():
    text = Page(
        render_report(ReportData(recipe(), funnel(10, rejected={"balance": {"concepts_too_frequent": 1}})))
    ).text
    assert "balance" not in re.findall(r"Switched off by the recipe: ([^.]*)\.", text)[0]


def test_hosts_and_failures_are_counted_by_domain_and_kind():
    urls = [f"http://img{n}.{domain}/{n}" for domain, count in (("big.org", 6), ("small.com", 2)) for n in range(count)]
    outcomes = ["downloaded"] * 5 + ["http_status 404"] + ["timeout"] * 2
    counts = summarise_domains(count_urls(pa.array([*urls, urls[0]]), pa.array([*outcomes, "kept"])))
    text = Page(render_report(ReportData(recipe(), funnel(10), hosts=counts))).text
    assert "8 URLs on 8 hosts of 2 domains; 62.5 % gave an image" in text
    assert "big.org 6 83.3 % 16.7 % http_status 404 1 small.com 2 0 % 0 % timeout 2" in text
    assert "timeout 2 25.0 % img0.small.com 1, img1.small.com 1 http_status 404 1 12.5 % img5.big.org 1" in text


def test_measures_are_drawn_with_the_recipe_s_bounds_and_by_language():
    table = pa.table({"language": ["en", "en", "de", ""], "value": [3.0, 20.0, 7.0, 2.0], "rows": [5, 30, 9, 1]})
    data = ReportData(
        recipe(captions={"min_characters": 5}), funnel(45), measures={"caption length, characters": table}
    )
    html = render_report(data)
    text = Page(html).text
    assert "All captions that were read. 45; median 20. 86.7 % within captions.min_characters ." in text
    assert "en 35, 85.7 % within" in text
    assert "de 9, 100 % within" in text
    assert len(re.findall(r'<path class="beyond" d="M', html)) == 2, "of all and of en"


def test_how_long_each_stage_took_is_shown():
    stage = {"stage": "download", "began_s": 2.0, "seconds": 75.2, "in_rows": 900, "out_rows": 800, "rows_per_s": 12.0}
    timings = {"began": 0.0, "seconds": 80.0, "download_bytes": 5_000_000, "stages": [stage | {"bytes": 5_000_000}]}
    text = Page(render_report(ReportData(recipe(), funnel(900), timings=timings))).text
    assert "download 2.0 s 1 min 15 s 900 12 5.0 MB" in text
