"""Runs the checks and prints every problem; exits with 1 if there is one."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.lint.bare_names import bare_names
from tools.lint.contracts import contract_problems
from tools.lint.package_links import link_package, package_files
from tools.lint.private_names import private_names_in_tests
from tools.lint.tracked_files import tracked_files
from tools.lint.types import type_problems

ROOT = Path(__file__).resolve().parents[2]
LINKS = ROOT / ".venv" / "lint"


def main() -> int:
    """Runs every check; returns the exit status."""
    tracked = tracked_files(ROOT)
    modules = package_files(tracked)
    link_package(ROOT, LINKS)
    problems = [
        *bare_names(ROOT, tracked),
        *private_names_in_tests(ROOT, tracked),
        *contract_problems(ROOT, LINKS, modules),
        *type_problems(ROOT, LINKS, modules),
    ]
    for problem in problems:
        print(problem)
    if problems:
        print(f"lint: {len(problems)} problem{'s' if len(problems) > 1 else ''}")
        return 1
    print(f"lint: {len(modules)} modules, every contract kept, every type checked")
    return 0


if __name__ == "__main__":
    sys.exit(main())
