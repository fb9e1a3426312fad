"""Settings that a command line changes in a recipe: `captions.min_words=2`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from babelsift.schemas.errors import RecipeError
from babelsift.schemas.recipe.yaml_text import load_yaml


def with_changes(content: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Returns a recipe's content with settings changed; whether they are valid is for the recipe to say.

    Args:
        content: of a recipe's YAML.
        changes: `GROUP.SETTING=VALUE` each, the value as YAML; an entry of a list by its number, from 0 on. The last
            one of a setting counts.

    Raises:
        RecipeError: a change is written otherwise, or goes through a setting that is not a group.

    >>> with_changes({"captions": {"min_words": 5}}, ["captions.min_words=2", "language.keep=[en, de]"])
    {'captions': {'min_words': 2}, 'language': {'keep': ['en', 'de']}}
    >>> with_changes({"clip": {"model": "ViT-B-32"}}, ["clip.0.batch_size=64"])
    {'clip': {'model': 'ViT-B-32', 'batch_size': 64}}
    """
    changed: Any = dict(content)
    for change in changes:
        path, sign, value = change.partition("=")
        keys = path.strip().split(".")
        if not sign or not all(keys):
            raise RecipeError(f"--set {change}: write it as GROUP.SETTING=VALUE, such as captions.min_words=2")
        changed = _with_value(changed, keys, load_yaml(value, source=f"--set {change}"), f"--set {change}")
    return changed


def _with_value(inside: Any, keys: Sequence[str], value: Any, source: str) -> Any:
    if not keys:
        return value
    key, *rest = keys
    if key.isdecimal() and not isinstance(inside, list):
        return _with_value_in_single(inside, key, rest, value, source)
    if isinstance(inside, list):
        if not key.isdecimal() or int(key) >= len(inside):
            last = len(inside) - 1
            raise RecipeError(f"{source}: {key!r} is to be found in a list; name an entry by its number, 0 to {last}")
        entries = list(inside)
        entries[int(key)] = _with_value(entries[int(key)], rest, value, source)
        return entries
    if inside is not None and not isinstance(inside, Mapping):
        raise RecipeError(f"{source}: {key!r} is to be found in {inside!r}, which is no group of settings")
    group = dict(inside or {})
    group[key] = _with_value(group.get(key), rest, value, source)
    return group


def _with_value_in_single(inside: Any, key: str, rest: Sequence[str], value: Any, source: str) -> Any:
    """Returns a group that stands alone where a list of groups may, with a value in it: its number is 0."""
    if inside is None:
        raise RecipeError(f"{source}: there is no entry {key}, as the list is empty; write it whole, as YAML")
    if not isinstance(inside, Mapping) or int(key):
        raise RecipeError(f"{source}: there is no entry {key}; there is one, without a list, whose number is 0")
    return _with_value(inside, rest, value, source)
