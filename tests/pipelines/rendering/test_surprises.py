from dataclasses import replace

import pyarrow as pa
import pytest

from babelsift.filters.counting import count_urls, summarise_domains
from babelsift.pipelines.rendering import surprises
from babelsift.pipelines.rendering.surprises import host_surprises
from babelsift.schemas import STAGE_ORDER, Funnel, recipe_from


def funnel(rows, rejected):
    """`rows` go in; `rejected` is stage -> reason -> rows."""
    counts, left = {}, rows
    for stage in (stage.value for stage in STAGE_ORDER):
        counts[stage, "in", ""] = left
        for reason, number in rejected.get(stage, {}).items():
            counts[stage, reason, ""] = number
            left -= number
        counts[stage, "out", ""] = left
    return Funnel.from_counts(counts).check()


def recipe(**settings):
    return recipe_from({"name": "mine", **settings}, source="test")


def everything(stage, rows, most):
    return f"The stage {stage} rejected everything that reached it ({rows} rows), {most}."


@pytest.mark.parametrize(
    ("rows", "rejected", "said"),
    [
        (1000, {"rules": {"too_few_words": 501}}, ["rules left out 50.1 % of the 1,000 rows for too_few_words."]),
        (1000, {"rules": {"too_few_words": 500}}, []),
        (90, {"rules": {"too_few_words": 80}}, []),
        (20, {"rules": {"too_few_words": 20}}, [everything("rules", 20, "100 % for too_few_words")]),
        (
            1000,
            {"rules": {"too_few_words": 400, "blocked_host": 600}},
            [everything("rules", "1,000", "60.0 % for blocked_host")],
        ),
        (
            1000,
            {"select": {"similarity_too_low": 501}},
            ["select left out 50.1 % of the 1,000 rows for similarity_too_low."],
        ),
        # A recipe asks for these in numbers of its own.
        (1000, {"select": {"outside_top_fraction": 700}}, []),
        (1000, {"balance": {"concepts_too_frequent": 900}}, []),
        (0, {}, ["The input held no rows."]),
        (
            1000,
            {"rules": {"too_few_words": 600}, "language": {"language_not_kept": 300}},
            [
                "rules left out 60.0 % of the 1,000 rows for too_few_words.",
                "language left out 75.0 % of the 400 rows for language_not_kept.",
            ],
        ),
    ],
)
def test_a_rule_that_leaves_out_more_than_half_is_said(rows, rejected, said):
    found = surprises(funnel(rows, rejected), recipe(captions={"min_words": 3}))
    assert [sentence for sentence in found if not sentence.startswith("None of ")] == said


def test_rules_of_the_recipe_that_met_nothing_are_named_and_defaults_are_not():
    asked = recipe(captions={"min_words": 3, "reject_boilerplate": True}, urls={"reject_non_photos": True})
    found = surprises(funnel(2000, {"rules": {"too_few_words": 20}}), asked)
    assert found == ["None of 2,000 rows was left out by captions.reject_boilerplate, urls.reject_non_photos."]
    assert surprises(funnel(2000, {"rules": {"too_few_words": 20}}), recipe(captions={"min_words": 3})) == []
    assert surprises(funnel(900, {}), asked) == []


@pytest.mark.parametrize(
    ("settings", "unmet"),
    [
        ({"language": {"keep": ["en"], "min_score": 0.5}}, ["language.keep", "language.min_score"]),
        ({"frequency": {"max_images_per_caption": 9}}, ["frequency.max_images_per_caption"]),
        ({"metadata": {"entries": "list.txt"}}, ["metadata.min_matches"]),
        ({"metadata": {"entries": "list.txt", "min_matches": 0}}, []),
        ({"images": {"min_side_px": 10, "max_aspect_ratio": 9.0}}, ["images.min_side_px", "images.max_aspect_ratio"]),
        ({"select": {"conditions": {"original_width": {"min": 1}}}}, ["select.conditions.original_width"]),
        (
            {"clip": {"model": "a"}, "select": {"min_similarity": 0.1, "conditions": {"similarity": {"min": 0.1}}}},
            ["select.conditions.similarity", "select.min_similarity"],
        ),
    ],
)
def test_a_rule_of_any_stage_that_met_nothing_is_named(settings, unmet):
    found = surprises(funnel(5000, {}), recipe(**settings))
    assert [setting for line in found for setting in line[:-1].partition(" by ")[2].split(", ")] == unmet
    assert surprises(funnel(999, {}), recipe(**settings)) == []


def test_a_condition_that_met_something_is_not_named():
    asked = recipe(select={"conditions": {"original_width": {"min": 100}, "stars": {"min": 1}}})
    met = funnel(5000, {"read": {"condition_not_met": 7}, "download": {"condition_not_met": 1}})
    assert surprises(met, asked) == []


def test_what_stages_warn_of_comes_last_and_harmless():
    warned = replace(funnel(2000, {"rules": {"too_few_words": 1500}}), warnings=("many\u202e captions",))
    assert surprises(warned, recipe(captions={"min_words": 3}))[1:] == ["many\ufffd captions"]


def hosts(**domains):
    """Of each domain (URLs that gave an image, URLs that failed)."""
    urls = [f"http://{domain}.com/{n}" for domain, counts in domains.items() for n in range(sum(counts))]
    outcomes = [o for got, not_got in domains.values() for o in ["downloaded"] * got + ["http_status 403"] * not_got]
    return summarise_domains(count_urls(pa.array(urls), pa.array(outcomes)))


@pytest.mark.parametrize(
    ("domains", "said"),
    [
        (
            {"closed": (10, 190), "open": (900, 20)},
            ["closed.com: 95.0 % of its 200 URLs gave no image, most for http_status 403.",
             "open.com has 82.1 % of all 1,120 URLs that were asked for."],
        ),
        ({"closed": (5, 90), "open": (400, 20), "other": (400, 0)}, []),  # too few to tell
        ({"closed": (10, 190), "shut": (10, 190)}, []),  # the web as a whole fails
        ({"only": (300, 10)}, []),
    ],
)  # fmt: skip
def test_a_domain_that_fails_where_others_do_not_or_is_most_of_all_is_said(domains, said):
    assert sorted(host_surprises(hosts(**domains))) == said


def test_without_a_download_no_host_surprises():
    assert host_surprises(None) == []
