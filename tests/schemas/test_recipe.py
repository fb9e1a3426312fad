import pytest

from babelsift.schemas import RecipeError, dump_recipe, parse_recipe


def parse(text):
    return parse_recipe(text, source="mine.yaml")


def test_a_recipe_needs_only_a_name():
    recipe = parse("name: mine")
    assert recipe.name == "mine"
    assert recipe.model_names == ()


def test_one_clip_model_may_stand_without_a_list_and_is_named_after_itself():
    recipe = parse("name: mine\nclip: {model: ViT-B-32, pretrained: openai}\nselect: {min_similarity: 0.3}")
    assert recipe.model_names == ("vit_b_32",)


@pytest.mark.parametrize(
    ("model", "name"),
    [("ViT-B-32", "vit_b_32"), ("hf-hub:org/CLIP-big", "clip_big"), ("/models/my clip/", "my_clip"), ("///", "model")],
)
def test_default_model_names_are_column_names(model, name):
    assert parse(f"name: mine\nclip: {{model: '{model}'}}").model_names == (name,)


def test_what_was_dumped_reads_back_equal():
    recipe = parse(
        "name: mine\nseed: 7\nlanguage: {keep: [en, zh]}\nclip: [{model: a}, {model: b}]\n"
        "select: {model: b, min_similarity: {en: 0.3, default: 0.26}}"
    )
    assert parse(dump_recipe(recipe)) == recipe


def test_no_is_a_word_not_a_truth_value():
    recipe = parse("name: mine\nlanguage: {keep: [no, en]}\ndownload: {resize_mode: no, verify_tls: false}")
    assert recipe.language.keep == ("no", "en")
    assert recipe.download.resize_mode == "no"
    assert recipe.download.verify_tls is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("captions: [", "mine.yaml: not YAML"),
        ("- name", "a recipe is a mapping, found list"),
        ("", "a recipe is a mapping, found NoneType"),
        ("seed: 1", "setting 'name' is missing"),
        ("name: mine\ncaptons: {}", "unknown setting 'captons'; did you mean 'captions'?"),
        (
            "name: mine\ncaptions: {min_chars: 3}",
            "unknown setting 'captions.min_chars'; did you mean 'min_characters'?",
        ),
        ("name: mine\nclip: {model: a, pretrain: b}", "unknown setting 'clip.0.pretrain'; did you mean 'pretrained'?"),
        ("name: mine\nseed: '3'", "seed: input should be a valid integer, found '3'"),
        ("name: mine\nlanguage: {keep: [english]}", "language.keep.0"),
        ("name: mine\nselect: {min_similarity: 0.3}", "select.min_similarity needs a similarity"),
        ("name: mine\nclip: {model: a}\nselect: {min_similarity: 2}", "less than or equal to 1, found 2"),
        ("name: mine\nclip: [{model: a}, {model: a}]", "two models are both named 'a'"),
        ("name: mine\nclip: {model: a}\nselect: {model: b}", "select.model 'b' is not one of the clip models ['a']"),
        ("name: mine\ndownload: {encode_format: gif}", "download.encode_format"),
        ("name: mine\ndownload: {faces: hide}", "download.faces.do"),
    ],
)
def test_everything_wrong_is_one_line_that_names_the_setting(text, message):
    with pytest.raises(RecipeError) as raised:
        parse(text)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(RecipeError, match=r"captions\.min_words.*unknown setting 'captions\.min_chars'"):
        parse("name: mine\ncaptions: {min_chars: 3, min_words: many}")
