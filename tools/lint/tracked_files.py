"""The repository's files as git lists them, those that are new and not ignored included."""

from __future__ import annotations

import subprocess
from pathlib import Path


def tracked_files(root: Path) -> list[str]:
    """Lists the files of the working tree, relative to its root, in order."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {name for name in listed.stdout.split("\0") if name}
    return sorted(name for name in names if (root / name).is_file())
