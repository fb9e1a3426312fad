"""The pairs that a report shows, and what stands beside them."""

import re

import pyarrow as pa

from babelsift.filters.counting import count_urls, summarise_domains
from babelsift.pipelines.rendering import ReportData, render_report
from tests.support.report_data import (
    Page,
    funnel,
    jpeg,
    recipe,
    sample,
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
