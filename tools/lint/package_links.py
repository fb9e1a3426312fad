"""Shows static tools the folders at the repository's root as the package `babelsift`, which they are installed as.

`setup.py` maps the folders with `package_dir`. mypy and import-linter do not follow that mapping: from the root they
find three packages that nobody imports, or nothing, and say that all is well.
"""

from __future__ import annotations

import shutil
from pathlib import Path

FOLDERS = ("filters", "pipelines", "schemas")


def link_package(root: Path, links: Path) -> None:
    """Makes `links/babelsift` anew, a folder of links to the package's files and folders."""
    shutil.rmtree(links, ignore_errors=True)
    package = links / "babelsift"
    package.mkdir(parents=True)
    for path in (*(root / "babelsift").iterdir(), *(root / folder for folder in FOLDERS)):
        if path.name != "__pycache__":
            (package / path.name).symlink_to(path)


def package_files(tracked: list[str]) -> dict[str, str]:
    """Returns each module of the package by the path of its file below the links."""
    modules = {}
    for name in tracked:
        top, *rest = name.split("/")
        if not rest or not name.endswith(".py") or top not in {"babelsift", *FOLDERS}:
            continue
        path = name if top == "babelsift" else f"babelsift/{name}"
        modules[path] = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    return modules
