"""Recipes' YAML: booleans are `true` and `false` alone."""

from __future__ import annotations

import re
from typing import Any

import yaml

from babelsift.schemas.errors import RecipeError

_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's booleans only: in 1.1 `no` is false, so Norwegian and img2dataset's resize_mode `no` would be, too.

    A key that is there twice is an error, as YAML has it; PyYAML would take the last and drop the others.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Returns a mapping; raises ConstructorError where a key comes twice."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE]
        twice = next((key for at, key in enumerate(keys) if key in keys[:at]), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice!r} is there twice; write what it holds in one place", node.start_mark
            )
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def load_yaml(text: str, *, source: str) -> Any:
    """Returns the plain values that a YAML text says.

    Args:
        text: one document.
        source: where it came from, for messages.

    Raises:
        RecipeError: not YAML.

    >>> load_yaml("{keep: [no, en], max: 1.5}", source="here")
    {'keep': ['no', 'en'], 'max': 1.5}
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise RecipeError(f"{source}: not YAML: {' '.join(str(error).split())}") from error
