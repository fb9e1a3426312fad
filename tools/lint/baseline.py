"""The rooms that do not pass yet: their problems are printed, and not counted. The list only gets shorter."""

from __future__ import annotations

from pathlib import Path

_BASELINE = Path(__file__).with_name("baseline.txt")


def without_baseline(problems: list[str]) -> list[str]:
    """Prints and takes out the problems of rooms that the baseline names."""
    rooms = [line.strip() for line in _BASELINE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    counted = []
    for problem in problems:
        if problem.removeprefix("babelsift/").startswith(tuple(rooms)):
            print(f"not yet: {problem}")
        else:
            counted.append(problem)
    return counted
