"""Tests use what a room offers, and no name that begins with an underscore: such a test breaks when nothing is broken.

Ruff finds private attributes (SLF001); the check here finds private names that are imported or patched by name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# Other packages do not always offer what a test needs by a public name.
_OURS = {"babelsift", "benchmarks", "tests", "tools"}
_PATCHES = {"setattr", "delattr", "getattr", "patch", "object"}


def private_names_in_tests(root: Path, tracked: list[str]) -> Iterator[str]:
    """Yields each private name that a test imports, or patches by a string."""
    for name in tracked:
        if not name.startswith("tests/") or not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse((root / name).read_text(encoding="utf-8"), name)):
            for line, private in _private_names(node):
                yield f"{name}:{line}: {private} is private: test what its module offers, or make it an argument"


def _private_names(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.ImportFrom):
        if node.level == 0 and (node.module or "").split(".")[0] not in _OURS:
            return
        for part in [*(node.module or "").split("."), *(alias.name for alias in node.names)]:
            if _is_private(part):
                yield node.lineno, part
    elif isinstance(node, ast.Import):
        for alias in node.names:
            parts = alias.name.split(".")
            for part in parts if parts[0] in _OURS else ():
                if _is_private(part):
                    yield node.lineno, part
    elif isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if called in _PATCHES:
            for argument in node.args[:2]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    for part in argument.value.split("."):
                        if _is_private(part):
                            yield node.lineno, part


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))
