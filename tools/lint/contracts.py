"""Which room may import which: import-linter's contracts in `pyproject.toml`, over every module that git has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def contract_problems(root: Path, links: Path, modules: dict[str, str]) -> list[str]:
    """Lists the modules that import-linter does not see, and its report if a contract is broken."""
    environment = os.environ | {"PYTHONPATH": "."}
    code = "import grimp; print(*grimp.build_graph('babelsift', cache_dir=None).modules)"
    graph = subprocess.run(
        [sys.executable, "-c", code], cwd=links, env=environment, capture_output=True, text=True, check=False
    )
    if graph.returncode:
        return [f"import-linter cannot read the package: {graph.stderr.strip()}"]
    unseen = sorted(set(modules.values()) - set(graph.stdout.split()))
    contracts = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--config", root / "pyproject.toml"],
        cwd=links,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    problems = [f"import-linter does not see {module}" for module in unseen]
    if contracts.returncode:
        report = contracts.stdout.partition("Broken contracts\n")[2] or contracts.stdout + contracts.stderr
        problems.append(report.strip("-\n "))
    return problems
