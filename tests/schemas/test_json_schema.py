import jsonschema
import pytest
import yaml

from babelsift.pipelines.recipes.presets import preset_names, preset_text
from babelsift.schemas import parse_recipe
from babelsift.schemas.recipe.json_schema import recipe_schema


@pytest.fixture(scope="module")
def validator():
    schema = recipe_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", preset_names())
def test_the_schema_takes_every_preset(validator, name):
    validator.validate(yaml.safe_load(preset_text(name)))


@pytest.mark.parametrize(
    "text",
    [
        "clip: {model: ViT-B-32, pretrained: openai}",
        "clip: [{model: ViT-B-32, pretrained: openai, name: b32}]",
        "captions: {flagged_words: words.txt}",
        "captions: {flagged_words: [some, words]}",
        "select: {all_of: [{recipe: datacomp-basic}, {languages: [en]}]}",
        "images: {min_side_px: null}",
        "download: {faces: blur}",
        "download: {faces: {do: drop, min_score: 0.7, min_side_px: 20}}",
    ],
)
def test_the_schema_takes_what_recipes_take(validator, text):
    validator.validate(yaml.safe_load(f"name: mine\n{text}"))
    parse_recipe(f"name: mine\n{text}", source="here", find=lambda name: parse_recipe(f"name: {name}", source=name))


@pytest.mark.parametrize("text", ["captions: {min_wrods: 3}", "captions: {min_words: many}", "download: {retries: -1}"])
def test_the_schema_refuses_what_recipes_refuse(validator, text):
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(yaml.safe_load(f"name: mine\n{text}"))


def test_every_setting_and_group_is_described_for_editors():
    schema = recipe_schema()
    objects = [schema, *schema["$defs"].values()]
    unsaid = [name for group in objects for name, said in group["properties"].items() if not said.get("description")]
    assert unsaid == []
    captions = schema["$defs"]["CaptionRules"]
    assert captions["description"] == "Rules on the caption alone; a rule that is null is off."
    assert captions["properties"]["max_digit_ratio"]["description"] == "digits among visible code points"
    assert schema["properties"]["captions"]["description"] == captions["description"]
    of_columns = schema["$defs"]["ReadSettings"]["properties"]["columns"]["description"]
    assert "see inputs.md" in of_columns  # links lead nowhere in an editor
