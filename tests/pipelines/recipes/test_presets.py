"""Holds every preset to the published figures, and the rules behind them to the side of the threshold they keep."""

import logging

import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.concepts import ENTRY_COUNT, EntryProbabilities, thresholds
from babelsift.filters.image import has_min_side, is_within_aspect_ratio
from babelsift.filters.rules import reject_by_captions
from babelsift.filters.selection import Selector, binned_thresholds, histograms_of
from babelsift.pipelines.cli.main import main
from babelsift.pipelines.job.checks import check_parts
from babelsift.pipelines.recipes.presets import load_recipe, preset_names
from babelsift.pipelines.stages.select.top_fractions import FractionRank, exact_thresholds, fraction_keys
from babelsift.schemas import Decision, RecipeError, dump_recipe, parse_recipe
from babelsift.schemas.recipe import CaptionRules, Condition, SelectRule, routes
from babelsift.schemas.unavailable_features import UNAVAILABLE_FEATURES

# RECIPES.md as data: the settings that make the preset, and the parts it lacks.
DATACOMP_DOWNLOAD = {
    "download.image_size": 512,
    "download.resize_mode": "keep_ratio_largest",
    "download.resize_only_if_bigger": True,
    "download.encode_format": "jpg",
    "download.retries": 2,
}
NSFW_AT_MOST_HALF = {"heads": ("nsfw",), "select.conditions": {"nsfw": Condition(max=0.5)}}
PUBLISHED = {
    "laion400m": {
        "language.keep": ("en",), "captions.min_characters": 5, "images.min_bytes": 5000, "clip": "ViT-B-32",
        "select.min_similarity": 0.3, "dedup_pairs.by": "url_and_caption", "heads": ("nsfw",),
    },
    "laion5b": {
        "captions.min_characters": 5, "images.min_bytes": 5000, "dedup_pairs.by": "url", "clip": "ViT-B-32",
        "select.min_similarity": {"en": 0.28, "default": 0.26}, "clip.languages": [("en",), "others"],
        "select.model": {"en": "vit_b_32", "default": "xlm_roberta_base_vit_b_32"},
        "omits": ("outputs by language", "nsfw scores", "watermark scores"), "download.max_body_bytes": 50_000_000,
    },
    "align": {
        "captions.min_words": 3, "captions.max_words": 20, "captions.vocabulary.bigrams": True,
        "frequency.max_images_per_caption": 10, "frequency.max_captions_per_image": 1000,
        "images.min_side_px": 201, "images.max_aspect_ratio": 2.9999,
        "requires": ("n-gram vocabulary", "evaluation decontamination"), **NSFW_AT_MOST_HALF,
    },
    "coyo700m": {
        "language.keep": ("en",), "captions.min_characters": 6, "captions.min_words": 3, "captions.max_words": 256,
        "captions.parts_of_speech.needs": ("noun",), "images.min_bytes": 5000, "images.max_aspect_ratio": 3.0,
        "images.min_side_px": 200, "frequency.max_images_per_caption": 10, "omits": ("watermark scores",),
        "requires": ("evaluation decontamination",), **NSFW_AT_MOST_HALF,
        "dedup_images.by": "image_and_caption", "dedup_images.near_radius_bits": 0, "dedup_images.exact": False,
    },
    "cc12m": {
        "language.keep": ("en",), "captions.min_words": 3, "captions.max_words": 256,
        "captions.parts_of_speech.needs": ("noun", "determiner"), "captions.max_token_repetition_ratio": 0.2,
        "captions.vocabulary.bigrams": False, "images.min_side_px": 401, "images.max_aspect_ratio": 2.5,
        "requires": ("n-gram vocabulary", "image formats", "person name replacement"), **NSFW_AT_MOST_HALF,
    },
    "datacomp-basic": {
        "language.keep": ("en",), "language.raw": True, "captions.min_spaced_words": 3, "captions.min_characters": 6,
        "images.min_side_px": 200,
        "images.max_aspect_ratio": 3.0, **DATACOMP_DOWNLOAD,
    },
    "datacomp-clip-l14-30": {
        "clip": "ViT-L-14", "select.top_fraction": 0.3, "select.exact_fractions": True, **DATACOMP_DOWNLOAD},
    "datacomp-laion2b": {
        "language.keep": ("en",), "clip": "ViT-B-32", "select.min_similarity": 0.28, **DATACOMP_DOWNLOAD,
    },
    "datacomp-1b": {
        "clip": "ViT-L-14", "language.raw": True, "select.exact_fractions": True, "select.all_of": (
            SelectRule(top_fraction=0.3),
            SelectRule(
                languages=("en",), captions=CaptionRules(min_fasttext_tokens=2, min_characters=6),
                conditions={"imagenet_cluster": Condition(min=1)},
            ),
        ), "heads": ("imagenet_cluster",), "requires": ("image clusters",), **DATACOMP_DOWNLOAD,
    },
    "metaclip-400m": {
        "language.keep": ("en",), "metadata.min_matches": 1, "metadata.spacing": "always", "metadata.entries": "metadata.json",
        "balance.rule": "metaclip-1", "balance.threshold": 20_000, "requires": ("metadata entries",),
    },
    "metaclip-2": {
        "metadata.min_matches": 1, "metadata.spacing": "by_script", "metadata.entries": "metadata",
        "balance.rule": "metaclip-2", "balance.threshold": 170_000, "balance.reference_language": "en",
        "requires": ("metadata entries",),
    },
    "wit": {
        "images.min_side_px": 100, "shards.texts.choose": "per_language",
        "read.columns": "url=image_url,caption=caption_reference_description/caption_attribution_description/"
        "caption_alt_text_description/page_title,language=language",
        "language.source": "believe", "language.report_min_texts": 12_000,
    },
    "mmc4": {
        "clip": "ViT-L-14", "select.one_to_one_in": "document", "read.columns": "caption=document_texts",
    },
    "cleanvision": {
        "images.max_aspect_ratio": 1 / 0.35, "dedup_images.near_radius_bits": 0, "dedup_images.near_crops": False,
        "select.conditions": {
            "image_brightness_99": Condition(min=0.32), "image_brightness_5": Condition(max=0.95),
            "image_entropy": Condition(min=3), "image_sharpness": Condition(min=0.29), "image_colour": Condition(above=0),
        },
    },
    "chinesewebtext2": {
        "language.keep": ("zh",), "select.conditions": {"toxic": Condition(below=0.99)}, "requires": ("toxicity classifier",),
    },
    "celadon": {
        "select.conditions": {
            **{f"toxicity_{axis}": Condition(max=2) for axis in ("race", "gender", "religion", "ability", "violence")},
            "toxicity_total": Condition(max=3),
        },
    },
    "tmars": {"select.model": "masked", "select.top_fraction": 0.5},
    "tldr": {"select.model": "matching", "select.top_fraction": 0.5, "requires": ("matching model",)},
    "dfn-public": {"clip": "hf-hub:apple/DFN-public", "select.top_fraction": 0.15, **DATACOMP_DOWNLOAD},
    "dfn": {"clip": "ViT-B-32", "select.top_fraction": 0.15, "requires": ("filtering network",), **DATACOMP_DOWNLOAD},
}  # fmt: skip
# Groups in which a preset may not have any rule but those of its row.
RULE_GROUPS = ("captions", "images", "language", "select", "metadata", "balance")
EVERY = pytest.mark.parametrize("name", PUBLISHED)


def setting(recipe, path):
    if path == "clip":
        return recipe.clip[0].model
    if path == "clip.languages":
        return [model.languages for model in recipe.clip]
    if path == "heads":
        return recipe.head_names
    for part in path.split("."):
        recipe = getattr(recipe, part)
    return recipe


@EVERY
def test_the_figures_are_the_published_ones(name):
    recipe = load_recipe(name)
    assert {path: setting(recipe, path) for path in PUBLISHED[name]} == PUBLISHED[name]


@EVERY
def test_a_preset_asks_for_nothing_beyond_its_row(name):
    recipe, allowed = load_recipe(name), PUBLISHED[name]
    for group in RULE_GROUPS:
        chosen = recipe.model_dump(mode="python", exclude_unset=True).get(group) or {}
        assert {f"{group}.{key}" for key in chosen} <= {".".join(path.split(".")[:2]) for path in allowed}
    assert (recipe.requires, recipe.omits) == (allowed.get("requires", ()), allowed.get("omits", ()))
    assert bool(recipe.clip) == ("clip" in allowed)
    assert bool(recipe.heads) == ("heads" in allowed)
    assert not recipe.caption_edits


def test_there_is_a_preset_for_every_row_and_the_demo():
    assert set(preset_names()) == {*PUBLISHED, "demo"}


@EVERY
def test_a_missing_part_is_one_line_before_anything_runs(name, capsys, tmp_path):
    missing = PUBLISHED[name].get("requires", ())
    code = main(
        ["curate", "--recipe", name, "--input", str(tmp_path / "none.parquet"), "--output", str(tmp_path / "o")]
    )
    # What is logged before it bears the time.
    (error,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("babelsift: "))
    assert code == 2
    assert ("a part is missing" in error) == bool(missing)
    assert all(f"{part}: {UNAVAILABLE_FEATURES[part]}" in error for part in missing)
    assert not (tmp_path / "o").exists()


def test_missing_parts_are_listed_and_the_recipe_is_shown_all_the_same(capsys):
    assert main(["recipes"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["datacomp-1b"].endswith("; missing: image clusters")
    assert "missing" not in lines["laion5b"]
    assert main(["recipes", "show", "datacomp-1b"]) == 0
    assert "image clusters" in capsys.readouterr().out


def test_what_a_recipe_leaves_out_without_changing_a_fate_is_logged(caplog):
    caplog.set_level(logging.INFO)
    check_parts(load_recipe("laion5b"))
    assert "nsfw scores" in caplog.text
    with pytest.raises(RecipeError, match="recipe metaclip-2 cannot run, a part is missing: metadata entries: "):
        check_parts(load_recipe("metaclip-2"))


def words(count):
    return " ".join(f"dog{number}" for number in range(count))


@pytest.mark.parametrize(
    ("name", "kept", "left_out"),
    [
        ("laion400m", "five!", "four"),
        ("laion5b", "五个字符吗", "五个字符"),
        ("align", words(3), words(2)),
        ("align", words(20), words(21)),
        ("coyo700m", "a b dog", words(2)),
        ("coyo700m", "a dogs", "a dog"),
        ("coyo700m", words(256), words(257)),
        ("coyo700m", "the black dog", "very quickly soon"),
        ("cc12m", "the black dog", "black dog barks"),
        ("cc12m", "the dog " + words(254), "the dog " + words(255)),
        ("cc12m", "the dog is the best", "the dog is the dog"),
        ("datacomp-basic", "a b cd", "ab cde"),
        ("datacomp-basic", "a b cd", "a b c"),
    ],
)
def test_captions_at_the_edge(name, kept, left_out):
    rules = load_recipe(name).captions.model_copy(update={"vocabulary": None})
    if name == "coyo700m" and "dogs" in kept:
        rules = rules.model_copy(update={"min_words": None})
    decision = Decision.keep_all(2)
    reject_by_captions(pa.array([kept, left_out]), rules, decision)
    assert decision.kept.tolist() == [True, False]


@pytest.mark.parametrize(
    ("name", "kept", "left_out"),
    [
        ("align", (201, 300), (200, 300)),
        ("align", (2000, 5999), (2000, 6000)),
        ("align", (5773, 5773 * 3 - 1), (5773, 5773 * 3)),
        ("coyo700m", (200, 600), (199, 500)),
        ("coyo700m", (600, 200), (601, 200)),
        ("cc12m", (401, 800), (400, 800)),
        ("cc12m", (500, 1250), (500, 1251)),
        ("datacomp-basic", (200, 600), (199, 400)),
        ("datacomp-basic", (200, 600), (200, 601)),
    ],
)
def test_image_sizes_at_the_edge(name, kept, left_out):
    rules = load_recipe(name).images
    widths, heights = (pa.array(side, pa.int32()) for side in zip(kept, left_out, strict=True))
    large = has_min_side(widths, heights, minimum=rules.min_side_px).to_pylist()
    shaped = is_within_aspect_ratio(widths, heights, maximum=rules.max_aspect_ratio).to_pylist()
    assert [a and b for a, b in zip(large, shaped, strict=True)] == [True, False]


def thresholds_of(selector, batch):
    if not selector.settings.exact_fractions:
        return binned_thresholds(selector, {choice: histograms_of(batch, choice) for choice in selector.choices()})
    found = {}
    for group, keys in fraction_keys(batch, selector).items():
        order = np.sort(np.frombuffer(keys, np.uint64))
        found[group] = (int(order[FractionRank()(group, len(order))]), 0, 1)
    return exact_thresholds(found)


def selected(recipe, scores, languages, captions=None, *, near=None):
    where = routes(recipe.clip)
    routed = {
        f"similarity_{name}": pa.array(
            [score if where[name].takes(language) else None for score, language in zip(scores, languages, strict=True)],
            pa.float32(),
        )
        for name in recipe.model_names
    }
    routed |= {name: pa.array(near or [1] * len(scores), pa.float32()) for name in recipe.head_names}
    batch = pa.RecordBatch.from_pydict(
        {"caption": captions or ["a caption"] * len(scores), "language": languages, **routed}
    )
    selector = Selector(recipe.select, recipe.model_names)
    selector.thresholds = thresholds_of(selector, batch)
    return selector.decide(batch).kept.tolist()


@pytest.mark.parametrize(
    ("name", "language", "cut"),
    [("laion400m", "en", 0.3), ("laion5b", "en", 0.28), ("laion5b", "fr", 0.26), ("laion5b", "und", 0.26), ("datacomp-laion2b", "en", 0.28)],
)  # fmt: skip
def test_a_similarity_equal_to_the_cut_is_kept(name, language, cut):
    below = float(np.nextafter(np.float32(cut), np.float32(-1)))
    assert selected(load_recipe(name), [cut, below], [language] * 2) == [True, False]


@pytest.mark.parametrize(("name", "fraction"), [("datacomp-clip-l14-30", 0.3), ("dfn", 0.15), ("dfn-public", 0.15)])
def test_a_fraction_keeps_from_the_value_at_its_index_on(name, fraction):
    scores = np.linspace(0.9, 0.1, 100)
    at = sorted(scores, reverse=True)[int(len(scores) * fraction)]
    assert selected(load_recipe(name), scores, ["en"] * 100) == [score >= at for score in scores]


@pytest.mark.parametrize(("name", "t"), [("metaclip-400m", 20_000), ("metaclip-2", 170_000)])
def test_a_concept_with_as_many_pairs_as_the_threshold_is_kept_whole(name, t):
    counts = np.array([(0, t - 1), (1, t), (2, t + 1), (3, 2 * t)], dtype=ENTRY_COUNT)
    at = thresholds({"en": counts}, load_recipe(name).balance)
    chances = EntryProbabilities.of(counts, at["en"]).at(np.arange(4))
    assert chances.tolist() == [1.0, 1.0, t / (t + 1), 0.5]


@EVERY
def test_a_preset_written_out_reads_back_the_same(name):
    recipe = load_recipe(name)
    assert parse_recipe(dump_recipe(recipe), source="dumped") == recipe


def test_datacomps_fraction_is_exact_where_a_bin_is_not():
    scores = (0.3 + np.arange(100) * 1e-7).astype(np.float32)
    at = -np.sort(-scores)[30]
    kept = selected(load_recipe("datacomp-clip-l14-30"), scores, ["en"] * 100)
    assert kept == (scores >= at).tolist()
    assert 31 <= sum(kept) < 40


def test_datacomp_1b_is_the_intersection_with_the_top_of_the_whole_pool():
    # 10 pairs, so the cut is the 4th score; of the four above it, two fail the other filter and nothing takes their place.
    scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05]
    languages = ["en", "de", *["en"] * 8]
    captions = ["a bcde", "a bcde", "abcdef", "a bcde", *["a long caption"] * 6]
    kept = selected(load_recipe("datacomp-1b"), scores, languages, captions)
    assert kept == [True, False, False, True, *[False] * 6]
    near = [0, *[1] * 9]
    assert selected(load_recipe("datacomp-1b"), scores, languages, captions, near=near) == [
        *[False] * 3,
        True,
        *[False] * 6,
    ]
    # Its own edges: more than one token, more than five characters.
    assert selected(load_recipe("datacomp-1b"), [0.9, 0.9, 0.9], ["en"] * 3, ["a bcde", "abcdef", "a bcd"]) == [
        True,
        False,
        False,
    ]
