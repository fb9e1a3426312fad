"""The recipes that ship: `--recipe NAME` finds them, and a path finds a file of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import resources
from pathlib import Path

from babelsift.schemas import Recipe, RecipeError, parse_recipe
from babelsift.schemas.suggestions import did_you_mean

_PRESETS = resources.files("babelsift.pipelines") / "recipes"


def preset_names() -> list[str]:
    """Returns the names of the presets, sorted."""
    return sorted(file.name.removesuffix(".yaml") for file in _PRESETS.iterdir() if file.name.endswith(".yaml"))


def preset_text(name: str) -> str:
    """Returns a preset as YAML.

    Raises:
        RecipeError: there is no such preset.
    """
    if name not in preset_names():
        hint = did_you_mean(name, preset_names(), otherwise="see `babelsift recipes`")
        raise RecipeError(f"no recipe {name!r}; {hint}")
    return (_PRESETS / f"{name}.yaml").read_text(encoding="utf-8")


def load_recipe(name_or_file: str, changes: Sequence[str] = ()) -> Recipe:
    """Returns a preset, or the recipe in a YAML file; recipes that its select rules name are spelt out.

    Args:
        name_or_file: a name without suffix is a preset's, unless there is a file of that name.
        changes: settings that the recipe has otherwise, `GROUP.SETTING=VALUE` each.

    Raises:
        RecipeError: neither, or its content is not a recipe.
    """
    return _load(name_or_file, (), changes)


def _load(name_or_file: str, inside: tuple[str, ...], changes: Sequence[str] = ()) -> Recipe:
    if name_or_file in inside:
        raise RecipeError(f"recipe {name_or_file} names itself, by way of {' -> '.join([*inside, name_or_file])}")
    find = partial(_load, inside=(*inside, name_or_file))
    return parse_recipe(_text_of(name_or_file), source=name_or_file, find=find, changes=changes)


def _text_of(name_or_file: str) -> str:
    file = Path(name_or_file).expanduser()
    if name_or_file in preset_names() or not (file.suffix in (".yaml", ".yml") or file.exists()):
        return preset_text(name_or_file)
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe {name_or_file}: cannot be read: {error}") from error
