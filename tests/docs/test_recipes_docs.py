"""docs/recipes.md lists every setting that a recipe may have, with its default: held to the models themselves."""

import re
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from babelsift.schemas import Recipe
from babelsift.schemas.recipe import (
    ClipModel,
    Condition,
    Head,
    HeadClusters,
    HeadLayers,
    HeadPrompts,
    NearCaptions,
    OptOutSettings,
    PairCaps,
    PartsOfSpeech,
    ShardTexts,
    Vocabulary,
)
from babelsift.schemas.recipe.settings import EntryList, FlaggedWordList

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
# Groups within groups, by the heading that they have on the page.
WITHIN = {
    "captions.flagged_words": FlaggedWordList,
    "captions.vocabulary": Vocabulary,
    "captions.parts_of_speech": PartsOfSpeech,
    "dedup_pairs.near_captions": NearCaptions,
    "download.opt_outs": OptOutSettings,
    "clip": ClipModel,
    "heads": Head,
    "heads.layers": HeadLayers,
    "heads.clusters": HeadClusters,
    "heads.prompts": HeadPrompts,
    "select.conditions": Condition,
    "select.caps": PairCaps,
    "shards.texts": ShardTexts,
}


def models_in(kind):
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for part in typing.get_args(kind) for model in models_in(part)]


def groups():
    """{heading on the page: its settings}"""
    own = {name: field for name, field in Recipe.model_fields.items() if not models_in(field.annotation)}
    found = {"The recipe itself": own}
    for name, field in Recipe.model_fields.items():
        for model in models_in(field.annotation):
            found[name] = named_fields(model)
    return found | {name: named_fields(model) for name, model in WITHIN.items()}


def named_fields(model):
    """{setting as a recipe writes it: its field}"""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def default_text(field):
    """A default as a recipe writes it."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if value is None or isinstance(value, EntryList):
        return "null" if value is None else "[]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel) or value == {}:
        return "{}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value) if value != "" else '""'


def documented():
    """{heading: {setting: (default, meaning)}}"""
    found, heading = {}, None
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").replace("`", "")
        elif row := re.fullmatch(r"\| `(\w+)` \| `([^`]*)` \| (.+) \|", line):
            found.setdefault(heading, {})[row[1]] = row[2], row[3].strip()
    return found


@pytest.mark.parametrize("name", groups())
def test_a_groups_settings_and_defaults_are_those_of_the_page(name):
    wanted = {setting: default_text(field) for setting, field in groups()[name].items()}
    assert {setting: default for setting, (default, _) in documented()[name].items()} == wanted


def test_the_page_has_no_group_beyond_the_models_and_each_group_within_one_is_on_it():
    assert set(documented()) == set(groups())
    within = {
        model
        for fields in groups().values()
        for field in fields.values()
        for model in models_in(field.annotation)
        if model is not EntryList
    }
    of_groups = {model for field in Recipe.model_fields.values() for model in models_in(field.annotation)}
    named = {*WITHIN.values(), *of_groups}
    assert {model.__name__ for model in within} <= {model.__name__ for model in named} | {"SelectRule"}


def test_every_setting_has_a_meaning():
    assert [name for rows in documented().values() for name, (_, meaning) in rows.items() if len(meaning) < 3] == []
