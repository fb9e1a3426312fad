"""Columns in recipes: heads and classifiers are cases of them, names are their own."""

import pytest

from babelsift.schemas import RecipeError, dump_recipe, parse_recipe, recipe_from

LAYERS = {"file": "a.safetensors", "output": "sigmoid"}


def recipe(**groups):
    return recipe_from({"name": "mine", "clip": {"model": "babelsift-demo", "name": "a"}, **groups}, source="test")


def test_heads_and_opennsfw_are_cases_of_columns_and_old_recipes_are_read_on():
    old = recipe(heads=[{"name": "safe", "layers": LAYERS}, {"name": "nsfw", "classifier": "opennsfw"}])
    new = recipe(
        columns=[
            {"name": "safe", "of": "embedding", "by": "layers", "layers": LAYERS},
            {"name": "nsfw", "of": "image", "by": "opennsfw"},
        ]
    )
    assert new.all_heads == old.heads
    assert new.made_columns == ()
    assert new.score_columns == old.score_columns == ("similarity_a", "safe", "nsfw")
    tags = recipe(columns={"name": "tag", "of": "embedding", "by": "prompts", "prompts": "laion400m-nsfw"})
    assert tags.all_heads == recipe(heads={"name": "tag", "prompts": "laion400m-nsfw"}).heads


def test_a_recipe_with_columns_is_written_and_read_equal():
    mine = recipe(
        columns=[
            {"name": "toxic", "of": "caption", "by": "fasttext", "model": {"en": "a.bin", "default": "b.bin"}},
            {"name": "own", "of": "image", "by": "call", "call": "a.b:c", "gives": {"x": "list"}, "options": {"n": 1}},
        ],
        select={"conditions": {"own_x": {"any_of": ["a"]}, "toxic": {"not_in": {"en": ["toxic"]}, "at": "select"}}},
    )
    assert parse_recipe(dump_recipe(mine), source="test") == mine


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"name": "a", "of": "image", "by": "opennsfw"}, "columns: 'a' is the name of a clip model"),
        ({"name": "width", "of": "image", "by": "opennsfw"}, "columns: 'width' is a column that a stage has"),
        ([{"name": "x", "of": "image", "by": "opennsfw"}] * 2, "columns: two are both named 'x'"),
        (
            {"name": "x", "of": "embedding", "by": "layers", "layers": LAYERS, "model": "b"},
            "columns: 'x' needs clip model 'b'",
        ),
        ({"name": "x", "of": "text", "by": "call"}, "columns.0.of: "),
        ({"name": "x", "of": "caption", "by": "fasttext", "modl": "a"}, "did you mean 'model'"),
        ({"name": "x", "of": "caption", "by": "fasttext", "model": {"english": "a"}}, "english"),
    ],
)
def test_what_is_wrong_is_one_line(columns, said):
    with pytest.raises(RecipeError, match=said):
        recipe(columns=columns)


def test_a_head_and_a_column_of_one_name_are_told_apart():
    with pytest.raises(RecipeError, match="heads and columns: two are both named 'safe'"):
        recipe(
            heads={"name": "safe", "layers": LAYERS},
            columns={"name": "safe", "of": "caption", "by": "call", "call": "a:b"},
        )
