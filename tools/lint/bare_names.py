"""The package's folders are imported as parts of `babelsift` alone: under their bare names they would be other modules.

Python would load `filters.text` beside `babelsift.filters.text`, and a class of one would be no instance of the other.
Ruff forbids the imports (TID251); the checks here find the names where they are strings, in code, pages and commands.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tools.lint.package_links import FOLDERS

# The functions that take a module's name, where a folder's name alone means the folder as a package.
_TAKES_MODULE = {"files", "import_module", "__import__", "find_spec", "importorskip", "run_module", "get_data"}
_MODULE = rf"((?:{'|'.join(FOLDERS)})(?:\.\w+)*)(?![\w.])"
_IMPORTED = re.compile(rf"\bfrom {_MODULE} import\b|^(?:\s|>>>|`)*import {_MODULE}|\s-m {_MODULE}(?!/)", re.MULTILINE)
_PAGES = {".md", ".txt", ".toml", ".yml", ".yaml", ".sh", ""}


def bare_names(root: Path, tracked: list[str]) -> Iterator[str]:
    """Yields each place where a string, a page or a command names a module of ours without `babelsift.`.

    Args:
        root: the repository's root.
        tracked: the repository's files, relative to the root.
    """
    modules = _bare_modules(tracked)
    for name in tracked:
        if name.endswith(".py"):
            matches = _in_code(ast.parse((root / name).read_text(encoding="utf-8"), name), modules)
        elif Path(name).suffix in _PAGES:
            matches = _in_text((root / name).read_text(encoding="utf-8", errors="replace"), 1)
        else:
            continue
        for line, module in matches:
            yield f"{name}:{line}: {module!r} would be another module than 'babelsift.{module}': write that name"


def _bare_modules(tracked: list[str]) -> set[str]:
    paths = [Path(name) for name in tracked if name.endswith(".py") and name.split("/")[0] in FOLDERS]
    names = {".".join(path.with_suffix("").parts) for path in paths} | {".".join(path.parent.parts) for path in paths}
    return {name for name in names if "." in name}


def _in_text(text: str, first_line: int) -> Iterator[tuple[int, str]]:
    for match in _IMPORTED.finditer(text):
        group = match.lastindex or 0
        yield first_line + text.count("\n", 0, match.start(group)), match[group]


def _in_code(tree: ast.AST, modules: set[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = re.split(r"[.:]", node.value)
            if any(".".join(parts[:end]) in modules for end in range(2, len(parts) + 1)):
                yield node.lineno, node.value
            else:
                yield from _in_text(node.value, node.lineno)
        elif isinstance(node, ast.Call) and node.args and _called(node) in _TAKES_MODULE:
            first = node.args[0]
            if isinstance(first, ast.Constant) and first.value in FOLDERS:
                yield first.lineno, str(first.value)


def _called(node: ast.Call) -> str | None:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
