"""Recipes that a select rule names: the very intersection, or an error that says which group stands in the way."""

import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.selection import Selector
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.schemas import RecipeError, dump_recipe, parse_recipe

SCORED = "clip: {model: ViT-B-32, pretrained: openai, name: b32}\n"
LONG = (
    f"name: long\n{SCORED}captions: {{min_words: 3}}\nlanguage: {{keep: [en, de]}}\nselect: {{min_similarity: 0.3}}\n"
)
GOOD = f"name: good\n{SCORED}select: {{conditions: {{width: {{min: 200}}}}, any_of: [{{min_similarity: 0.5}}, {{languages: [de]}}]}}\n"


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "long.yaml").write_text(LONG)
    (tmp_path / "good.yaml").write_text(GOOD)

    def load(select, more="", name="both.yaml"):
        (tmp_path / name).write_text(f"name: both\n{SCORED}{more}\nselect: {select}\n")
        return load_recipe(name)

    return load


def rows():
    draw = np.random.default_rng(0)
    count = 400
    return pa.record_batch(
        {
            "caption": [" ".join(["word"] * n) for n in draw.integers(1, 6, count)],
            "language": draw.choice(["en", "de", "fr"], count),
            "width": pa.array(draw.integers(100, 400, count), pa.int32()),
            "similarity_b32": pa.array(draw.uniform(0, 1, count), pa.float32()),
        }
    )


def kept(recipe):
    return Selector(recipe.select, recipe.model_names).decide(rows()).kept


def by_hand():
    batch = rows()
    words = np.array([len(text.split()) for text in batch["caption"].to_pylist()])
    language, width = np.array(batch["language"]), np.array(batch["width"])
    similarity = np.array(batch["similarity_b32"])
    in_long = (words >= 3) & (language != "fr") & (similarity >= np.float32(0.3))
    in_good = (width >= 200) & ((similarity >= np.float32(0.5)) | (language == "de"))
    return in_long, in_good


def test_all_of_two_recipes_keeps_what_both_keep(recipe):
    in_long, in_good = by_hand()
    found = kept(recipe("{all_of: [{recipe: long.yaml}, {recipe: good.yaml}]}"))
    assert np.array_equal(found, in_long & in_good)
    assert 0 < found.sum() < min(in_long.sum(), in_good.sum())


def test_any_of_two_recipes_keeps_what_either_keeps(recipe):
    in_long, in_good = by_hand()
    assert np.array_equal(kept(recipe("{any_of: [{recipe: long.yaml}, {recipe: good.yaml}]}")), in_long | in_good)


def test_a_name_goes_with_further_settings_and_deeper_rules(recipe):
    in_long, _ = by_hand()
    found = kept(recipe("{any_of: [{all_of: [{recipe: long.yaml, languages: [de]}]}]}"))
    assert np.array_equal(found, in_long & (np.array(rows()["language"]) == "de"))


def test_a_recipe_that_names_others_may_be_named(recipe):
    in_long, in_good = by_hand()
    recipe("{all_of: [{recipe: long.yaml}]}", name="outer.yaml")
    assert np.array_equal(kept(recipe("{all_of: [{recipe: outer.yaml}, {recipe: good.yaml}]}")), in_long & in_good)


def test_what_was_read_stands_for_itself(recipe):
    found = recipe("{all_of: [{recipe: long.yaml}, {recipe: good.yaml}]}")
    assert parse_recipe(dump_recipe(found), source="dumped") == found


def test_presets_may_be_named():
    (l14,) = load_recipe("datacomp-clip-l14-30").clip
    text = f"name: x\nclip: {{model: {l14.model}, pretrained: {l14.pretrained}}}\ndedup_images: {{exact: false}}\n"
    found = parse_recipe(
        f"{text}select: {{exact_fractions: true, all_of: [{{recipe: datacomp-clip-l14-30}}]}}",
        source="x",
        find=load_recipe,
    )
    assert found.select.all_of[0].top_fraction == 0.3


@pytest.mark.parametrize(
    ("other", "more", "message"),
    [
        (f"{SCORED}images: {{min_side_px: 300}}", "", "sets `images`, which a rule cannot say"),
        (f"{SCORED}urls: {{max_characters: 99}}", "", "sets `urls`, which a rule cannot say"),
        (f"{SCORED}select: {{caps: {{per_host: 5}}}}", "", "sets `select.caps`"),
        (
            f"{SCORED}select: {{top_fraction: 0.5, exact_fractions: true}}",
            "",
            "has exact_fractions: true; set the same",
        ),
        (f"{SCORED}language: {{keep: [en], min_score: 0.5}}", "", "identifies languages in another way"),
        (
            "clip: {model: ViT-L-14, pretrained: openai, name: b32}",
            "",
            "goes by a model that this recipe does not have",
        ),
    ],
)
def test_what_a_rule_cannot_say_is_refused(recipe, tmp_path, other, more, message):
    (tmp_path / "other.yaml").write_text(f"name: other\n{other}\n")
    with pytest.raises(RecipeError, match=message) as raised:
        recipe("{all_of: [{recipe: other.yaml}]}", more)
    assert str(raised.value).startswith("both.yaml: select.all_of.0.recipe: 'other.yaml'")


def test_a_group_that_both_have_is_no_obstacle(recipe, tmp_path):
    (tmp_path / "other.yaml").write_text(
        f"name: other\n{SCORED}images: {{min_side_px: 300}}\nselect: {{min_similarity: 0.5}}\n"
    )
    assert (
        recipe("{all_of: [{recipe: other.yaml}]}", "images: {min_side_px: 300}").select.all_of[0].min_similarity == 0.5
    )


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("{all_of: [{recipe: both.yaml}]}", "recipe both.yaml names itself, by way of both.yaml -> both.yaml"),
        ("{all_of: [{recipe: 5}]}", "select.all_of.0.recipe: a preset's name or a recipe file, found 5"),
        ("{all_of: [{recipe: datacomp-basik}]}", "did you mean 'datacomp-basic'"),
        ("{all_of: [{recipe: gone.yaml}]}", "recipe gone.yaml: cannot be read"),
        ("{recipe: long.yaml}", "unknown setting 'select.recipe'"),
    ],
)
def test_names_that_lead_nowhere(recipe, select, message):
    with pytest.raises(RecipeError) as raised:
        recipe(select)
    assert message in str(raised.value)
    assert str(raised.value).startswith("both.yaml: ")
