"""Runs benchmarks by name, or all of them: `python -m benchmarks [NAME]`."""

from __future__ import annotations

import importlib
import sys

from benchmarks.harness.outcome import Outcome

NAMES = (
    "overhead",
    "language",
    "pair_dedup",
    "near_captions",
    "skew",
    "metadata_matching",
    "download",
    "download_memory",
    "dry_run",
    "survive",
    "sharding",
    "selection",
    "clip_scoring",
    "image_dedup_quality",
    "image_dedup_scale",
    "semantic_dedup",
)


def main(names: list[str]) -> int:
    """Runs the benchmarks; each prints a table for people and, last, one JSON line."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in names or NAMES:
        print(f"bench: {name}", flush=True)
        outcome: Outcome = importlib.import_module(f"benchmarks.{name}").run()
        print(outcome.table())
        print(outcome.json_line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
