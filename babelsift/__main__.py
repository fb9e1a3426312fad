"""`python -m babelsift` is the command."""

from __future__ import annotations

from babelsift.pipelines.cli.entry_point import run_as_process

if __name__ == "__main__":
    run_as_process()
