"""A command that is killed at many moments of its writes, and then given again: what each came to, and its folder.

Runs in a process that has imported all and run nothing, so that what is forked from it is a run of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from tests.support.killed import changes_of, kill_at
from tests.support.small_run import babelsift

_ROOT = Path(__file__).parents[2]
_NEVER = 10**9


@dataclass(frozen=True)
class KilledRun:
    """One moment. Attributes: folder: what the same command made of it. status: of `babelsift status` after the kill."""

    operation: int
    is_killed: bool
    is_replacing: bool
    status: int
    folder: str


def killed_runs(
    command: Sequence[str], out: str, *, before: str = "", moments: int = 0, every: int = 0
) -> list[KilledRun]:
    """Returns what a command came to that is killed at many moments, and then given again.

    Args:
        command: of babelsift.
        out: its run folder; of each moment a copy is beside it.
        before: a folder that each run finds there; "": it finds none.
        moments: so many, spread evenly over all writes of a run; 0: see `every`.
        every: at each n-th write, and once at none.
    """
    arguments = [before, out, str(moments), str(every), *command]
    run = [sys.executable, "-m", "tests.support.killed_runs", *arguments]
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        run, cwd=_ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [KilledRun(**json.loads(line)) for line in done.stdout.splitlines()]


def _main(before: str, out: str, moments: int, every: int, command: Sequence[str]) -> None:
    def work() -> None:
        said = babelsift(*command)
        assert said.code == 0, said.log

    def begin() -> None:
        shutil.rmtree(out, ignore_errors=True)
        if before:
            shutil.copytree(before, out)

    begin()
    for operation in _spread(changes_of(work), moments) if moments else iter(range(0, _NEVER, every)):
        begin()
        is_killed = kill_at(operation, work)
        manifest = read_manifest(RunFolder(out))
        status = babelsift("status", out).code
        kill_at(_NEVER, work)  # the same command, to its end
        folder = f"{out}-{operation}"
        shutil.copytree(out, folder)
        is_replacing = manifest is not None and manifest.replacement is not None
        print(json.dumps(asdict(KilledRun(operation, is_killed, is_replacing, status, folder))), flush=True)
        if not is_killed:
            return


def _spread(changes: int, moments: int) -> Iterator[int]:
    return (changes * (2 * moment + 1) // (2 * moments) for moment in range(moments))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
