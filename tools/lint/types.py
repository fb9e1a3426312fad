"""mypy over every module that git has, with the settings in `pyproject.toml`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def type_problems(root: Path, links: Path, modules: dict[str, str]) -> list[str]:
    """Lists mypy's errors, and a line if mypy checked another number of modules than git has.

    Args:
        root: the repository's root, whose `pyproject.toml` holds mypy's settings.
        links: the folder that shows the repository as a package; mypy runs in it.
        modules: each module's name by its path below `links`.

    Returns:
        One string a problem, as mypy writes it.
    """
    paths = links / "modules.txt"
    paths.write_text("".join(f"{path}\n" for path in modules), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", str(root / "pyproject.toml")]
    command += ["--cache-dir", str(root / ".mypy_cache"), "--no-pretty", f"@{paths.name}"]
    run = subprocess.run(command, cwd=links, capture_output=True, text=True, check=False)
    *lines, summary = run.stdout.splitlines() or [""]
    counted = re.search(r"(\d+) source files?\)?$", summary)
    if counted is None:
        return [f"mypy did not end as it should: {(run.stdout + run.stderr).strip()}"]
    problems = [line for line in lines if ": error:" in line]
    if int(counted[1]) != len(modules):
        problems.append(f"mypy checked {counted[1]} modules, git has {len(modules)}")
    if run.returncode and not problems:
        problems.append(f"mypy: {summary}")
    print(f"mypy: {summary}")
    return problems
