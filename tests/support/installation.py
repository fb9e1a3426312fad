"""babelsift as users have it: the wheel in a virtual environment of its own, with the extras that they install."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.lint.tracked_files import tracked_files

ROOT = Path(__file__).resolve().parents[2]
# What the test run itself was told, and what would let a child import from this repository.
_NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "COVERAGE_PROCESS_START", "PYTEST_CURRENT_TEST")


def uv() -> str:
    """Returns the path of uv, which the test extra installs."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv") or "uv"


def run_uv(*arguments: str | Path, cwd: Path = ROOT) -> str:
    """Runs uv; returns its output, or fails with it."""
    done = subprocess.run([uv(), *map(str, arguments)], cwd=cwd, env=user_environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"uv {' '.join(map(str, arguments))}: {done.stderr}"
    return done.stdout


def user_environment(**changes: str) -> dict[str, str]:
    """Returns this process's environment without what leads to the repository."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED} | changes


def copy_sources(target: Path) -> Path:
    """Copies the repository's files to a folder, so that building leaves nothing beside the originals."""
    for name in tracked_files(ROOT):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return target


@dataclass(frozen=True)
class Installation:
    """A virtual environment with babelsift installed from its wheel."""

    home: Path
    sources: Path  # a copy of the repository, from which the distributions were built
    wheel: Path
    sdist: Path

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.home / "bin" / "python"

    def babelsift(self, *arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs the installed command in a working folder."""
        return self._run(self.home / "bin" / "babelsift", *arguments, cwd=cwd, environment=environment)

    @contextlib.contextmanager
    def serving(self, *arguments: str | Path, cwd: Path) -> Iterator[subprocess.Popen[str]]:
        """Runs the installed command until its standard input is closed, which ends it; it has to end with 0."""
        command = [str(self.home / "bin" / "babelsift"), *map(str, arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=cwd, env=user_environment(), **pipes) as process:
            try:
                yield process
                assert process.stdin is not None
                process.stdin.close()
                assert process.wait() == 0
            finally:
                process.kill()

    def run_python(self, *arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs the environment's interpreter in a working folder."""
        return self._run(self.python, *arguments, cwd=cwd, environment=environment)

    def _run(self, *command: str | Path, cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        arguments = [str(part) for part in command]
        process = subprocess.Popen(
            arguments,
            cwd=cwd,
            env=user_environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):  # where the test was given up, nothing that it started stays
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    """Returns a command's output; fails with all that it said if it did not end with 0."""
    assert done.returncode == 0, f"{done.args}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def refused_in_one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Returns the last line of a command that ended with 2 and without a traceback."""
    assert done.returncode == 2, f"{done.args}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]
