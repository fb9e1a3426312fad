import pytest

from babelsift.pipelines.recipes.presets import load_recipe, preset_names
from babelsift.schemas import RecipeError, parse_recipe

CLIP = "clip: {model: m, name: m}\n"


def refusal(text):
    """What is said of a recipe with these groups; nothing where it is taken."""
    try:
        parse_recipe(f"name: mine\n{text}", source="mine.yaml")
    except RecipeError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("captions: {min_words: 5, max_words: 3}", ["captions.min_words is 5", "captions.max_words is 3"]),
        (
            "captions: {min_characters: 50, max_characters: 49}",
            ["captions.min_characters is 50", "captions.max_characters is 49"],
        ),
        ("captions: {max_characters: 0}", ["1 character or more", "captions.max_characters is 0"]),
        ("urls: {max_characters: 8}", ["http://a.b has 10 characters", "urls.max_characters is 8"]),
        ("urls: {schemes: []}", ["urls.schemes is empty"]),
        ("language: {keep: [und], min_score: 0.5}", ["language.min_score is 0.5", "und"]),
        (
            "language: {keep: [en]}\nselect: {conditions: {language: {in: [de, fr]}}}",
            ["language.keep lets en through", "select.conditions.language.in lets de fr through"],
        ),
        (
            "select: {languages: [en], all_of: [{conditions: {language: {in: [de]}}}]}",
            ["select.languages lets en through", "select.all_of.0.conditions.language.in lets de through"],
        ),
        (
            "language: {keep: [en, deu]}\nselect: {conditions: {language: {not_in: [de, en]}}}",
            ["select.conditions.language.not_in has all of language.keep"],
        ),
        ("urls: {schemes: ['http://']}", ["urls.schemes.0: 'http://' is no scheme"]),
        ("captions: {min_words: 10000000000000000000000}", ["captions.min_words", "9223372036854775807"]),
        ("captions: {min_words: 3}\ncaptions: {max_words: 9}", ["'captions' is there twice"]),
        ("captions: {min_words: 3, min_words: 4}", ["'min_words' is there twice"]),
        ("captions: {min_words: 9, max_characters: 8}", ["captions.min_words is 9", "captions.max_characters is 8"]),
        (
            "images: {min_side_px: 200}\ndownload: {max_image_area: 39999}",
            ["images.min_side_px is 200, an area of 40000", "download.max_image_area is 39999"],
        ),
        (
            "download: {min_image_size: 101, max_image_area: 10000}",
            ["download.min_image_size is 101", "download.max_image_area is 10000"],
        ),
        (
            "images: {min_side_px: 2000}\ndownload: {max_source_pixels: 1000000}",
            ["images.min_side_px is 2000", "download.max_source_pixels is 1000000"],
        ),
        (
            "images: {min_bytes: 5000}\ndownload: {max_body_bytes: 4999}",
            ["images.min_bytes is 5000", "download.max_body_bytes is 4999"],
        ),
        (
            "images: {min_side_px: 300}\nselect: {conditions: {original_width: {max: 299}}}",
            ["images.min_side_px is 300", "select.conditions.original_width.max is 299"],
        ),
        (
            "language: {min_score: 0.9}\nselect: {conditions: {language_score: {below: 0.9}}}",
            ["language.min_score is 0.9", "select.conditions.language_score.below is 0.9"],
        ),
        (
            f"{CLIP}select: {{min_similarity: 0.3, conditions: {{similarity_m: {{max: 0.28}}}}}}",
            ["select.min_similarity is 0.3", "select.conditions.similarity_m.max is 0.28"],
        ),
        (
            f"{CLIP}select: {{conditions: {{similarity_m: {{min: 28}}}}}}",
            ["select.conditions.similarity_m.min is 28", "similarity_m holds -1 to 1"],
        ),
        (
            "heads: {name: unsafe, classifier: opennsfw}\nselect: {conditions: {unsafe: {above: 1}}}",
            ["select.conditions.unsafe.above is 1", "column unsafe holds 0 to 1"],
        ),
        ("select: {conditions: {width: {below: 1}}}", ["select.conditions.width.below is 1", "width holds 1 or more"]),
        (
            "select: {all_of: [{conditions: {rank: {min: 3}}}, {any_of: [{conditions: {rank: {max: 2}}}]}]}",
            ["select.all_of.0.conditions.rank.min is 3", "select.all_of.1.any_of.0.conditions.rank.max is 2"],
        ),
        (
            "captions: {max_words: 5}\nselect: {any_of: [{captions: {min_words: 6}}, {captions: {min_words: 4}}]}",
            ["captions.max_words is 5", "select.any_of.0.captions.min_words is 6"],
        ),
        (
            "language: {keep: [en, sr-Latn]}\nselect: {languages: [fi, de]}",
            ["language.keep lets en sr through", "select.languages lets de fi through"],
        ),
        ("language: {keep: []}", ["language.keep is empty"]),
        ("select: {any_of: [{languages: []}]}", ["languages is empty"]),
        ("select: {conditions: {x: {in: []}}}", ["select.conditions.x.in is empty"]),
        ("select: {any_of: [{conditions: {x: {any_of: {en: [a], default: []}}}}]}", ["conditions.x.any_of is empty"]),
        ("urls: {allowed_hosts: []}", ["urls.allowed_hosts is empty"]),
        (
            "urls: {allowed_hosts: [a.example.com], blocked_hosts: [Example.com]}",
            ["urls.blocked_hosts has all of urls.allowed_hosts"],
        ),
        ("urls: {allowed_suffixes: [co.uk], blocked_suffixes: [.uk]}", ["urls.blocked_suffixes has all of"]),
        (
            "dedup_images: {min_removal_rate: 0.6}",
            ["dedup_images: min_removal_rate is 0.6", "max_removal_rate, 0.5"],
        ),
        (
            f"{CLIP}dedup_semantic: {{min_removal_rate: 0.2, max_removal_rate: 0.1}}",
            ["dedup_semantic: min_removal_rate is 0.2"],
        ),
        (
            f"{CLIP}select: {{min_pairs_per_language: {{fi: 9, default: 1}}, caps: {{per_language: 5}}}}",
            ["min_pairs_per_language is 9", "caps.per_language, 5, for fi"],
        ),
        (
            f"{CLIP}select: {{min_similarity: 0.3, min_pairs_per_language: 9, lowest_similarity: 0.3}}",
            ["lowest_similarity is 0.3, not below min_similarity, 0.3"],
        ),
    ],
)
def test_settings_that_no_pair_can_meet_together_are_refused_in_one_line_that_names_both(text, named):
    said = refusal(text)
    assert said is not None
    assert said.startswith("mine.yaml: ")
    assert "\n" not in said
    assert [part for part in named if part not in said] == [], said


@pytest.mark.parametrize(
    "text",
    [
        "captions: {min_words: 3, max_words: 3, min_characters: 3, max_characters: 5}",
        "images: {min_side_px: 200}\ndownload: {max_image_area: 40000}",
        "select: {any_of: [{conditions: {rank: {min: 3}}}, {conditions: {rank: {max: 2}}}]}",
        "select: {all_of: [{conditions: {rank: {min: 3}}}, {conditions: {rank: {max: 2, keep_null: true}}}]}",
        "select: {conditions: {rank: {min: 3, max: 3}}}",
        "language: {keep: [nob, en]}\nselect: {languages: ['no']}",
        f"{CLIP}select: {{min_similarity: {{en: 0.3}}, conditions: {{similarity_m: {{max: 0.28}}}}}}",
        f"{CLIP}select: {{min_similarity: 0.3, top_fraction: 0.1, min_pairs_per_language: 9, lowest_similarity: 0.31}}",
        "urls: {allowed_hosts: [example.com], blocked_hosts: [ads.example.com]}",
        "dedup_images: {min_removal_rate: 0.6, max_removal_rate: null}",
        "urls: {blocked_hosts: []}",
        "select: {conditions: {x: {not_in: []}}}",
    ],
)
def test_settings_that_only_look_alike_are_taken(text):
    assert refusal(text) is None


@pytest.mark.parametrize("name", preset_names())
def test_presets_contradict_themselves_nowhere(name):
    assert load_recipe(name).name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "captions: {max_digit_ratio: 50}",
            "captions.max_digit_ratio: input should be less than or equal to 1, found 50",
        ),
        ("captions: {max_digit_ratio: 50}", "did you mean 0.5?"),
        ("captions: {max_digit_ratio: -0.1}", "greater than or equal to 0, found -0.1"),
        (
            f"{CLIP}select: {{top_fraction: 30}}",
            "select.top_fraction: input should be less than or equal to 1, found 30; did",
        ),
        (f"{CLIP}select: {{top_fraction: 30%}}", "found '30%'; write a share of 1, such as 0.3 for 30 %"),
        (
            f"{CLIP}select: {{min_similarity: {{en: 28}}}}",
            "select.min_similarity.en: input should be less than or equal to 1",
        ),
        (f"{CLIP}select: {{min_similarity: {{en: 28}}}}", "did you mean 0.28?"),
        ("download: {max_failure_rate: 98}", "did you mean 0.98?"),
        ("select: {conditions: {rank: {min: .nan}}}", "select.conditions.rank.min: input should be a finite number"),
        ("download: {max_aspect_ratio: .inf}", "download.max_aspect_ratio: input should be a finite number"),
        ("language: {keep: [en, xx]}", "language.keep.1: ISO 639-1 has no language 'xx'"),
        ("language: {keep: [english]}", "language.keep.0: 'english' is no code of a language"),
        (f"{CLIP}select: {{min_similarity: {{english: 0.3}}}}", "select.min_similarity.english: 'english' is no code"),
        ("select: {caps: {per_language: {xx: 3}}}", "select.caps.per_language.xx: ISO 639-1 has no language 'xx'"),
    ],
)
def test_values_out_of_range_are_one_line_with_the_remedy(text, message):
    said = refusal(text)
    assert said is not None
    assert message in said
    assert "\n" not in said
