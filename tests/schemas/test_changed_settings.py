import pytest

from babelsift.schemas import RecipeError, parse_recipe
from babelsift.schemas.recipe.changed_settings import with_changes

TEXT = "name: mine\ncaptions: {min_words: 5}\nclip: [{model: ViT-B-32}, {model: ViT-L-14}]\n"


def changed(*changes, text=TEXT):
    return parse_recipe(text, source="mine.yaml", changes=changes)


def test_settings_are_changed_beside_those_that_stay():
    recipe = changed("captions.min_words=2", "captions.max_words=9", "clip.1.name=large", "language.keep=[no, en]")
    assert (recipe.captions.min_words, recipe.captions.max_words) == (2, 9)
    assert recipe.model_names == ("vit_b_32", "large")
    assert recipe.language.keep == ("no", "en"), "Norwegian is no boolean"


def test_the_last_change_of_a_setting_counts_and_nothing_is_null():
    assert changed("captions.min_words=2", "captions.min_words=").captions.min_words is None
    assert changed("seed=1", "seed=2").seed == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("captions.min_wrods=2", "--set: unknown setting 'captions.min_wrods'; did you mean 'min_words'?"),
        ("captions.min_words=two", "--set: captions.min_words: input should be a valid integer, found 'two'"),
        ("captions.min_words", "--set captions.min_words: write it as GROUP.SETTING=VALUE"),
        ("captions..min_words=2", "write it as GROUP.SETTING=VALUE"),
        ("captions=[", "--set captions=[: not YAML"),
        ("captions.min_words.x=1", "'x' is to be found in 5, which is no group of settings"),
        ("clip.2.name=x", "name an entry by its number, 0 to 1"),
        ("clip.name=x", "name an entry by its number, 0 to 1"),
    ],
)
def test_a_wrong_change_is_one_line_that_names_it(change, message):
    with pytest.raises(RecipeError) as caught:
        changed(change)
    assert message in str(caught.value)


def test_what_is_wrong_in_the_file_is_not_blamed_on_the_change():
    with pytest.raises(RecipeError, match=r"^mine.yaml: unknown setting 'nonesuch'"):
        changed("seed=1", text="name: mine\nnonesuch: 1\n")


def test_a_group_that_stands_alone_where_a_list_may_is_its_entry_0():
    changed = with_changes({"clip": {"model": "a"}}, ["clip.0.batch_size=64", "clip.precision=fp16"])
    assert changed == {"clip": {"model": "a", "batch_size": 64, "precision": "fp16"}}


@pytest.mark.parametrize(
    ("content", "change", "said"),
    [
        ({"clip": {"model": "a"}}, "clip.1.batch_size=64", "there is one, without a list, whose number is 0"),
        ({}, "clip.0.batch_size=64", "there is no entry 0, as the list is empty; write it whole, as YAML"),
        ({"clip": [{"model": "a"}]}, "clip.1.batch_size=64", "name an entry by its number, 0 to 0"),
    ],
)
def test_an_entry_that_is_not_there_is_named(content, change, said):
    with pytest.raises(RecipeError, match=f"^--set {change}: ") as raised:
        with_changes(content, [change])
    assert said in str(raised.value)
