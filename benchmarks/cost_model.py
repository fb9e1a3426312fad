"""What a run costs, stage by stage, and what breaks first: `python -m benchmarks.cost_model [--pairs 1e9]`.

Rates are in benchmarks/cost/rates.yaml (an `~` marks those that nobody has measured), prices in a dated file beside
them. The shuffles are simulated for as many rows, and what one worker gathers today is reckoned from its records.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cost.model import PRICES, RATES, StageCost, costs_of, read_prices, read_rates
from benchmarks.cost.shuffles import MEMBER_BYTES, MERGED_BYTES, simulate

SIZES = (10_000_000, 1_000_000_000, 6_000_000_000)
_GOAL_DOLLARS, _GOAL_PAIRS = 600, 1_000_000_000
_LINKED = 0.05  # of the rows of a stage: those that are near to another


def main(words: Sequence[str] | None = None) -> int:
    """Prints the tables; returns an exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost_model", description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=float, action="append", help="pairs that are read (default: 10 M, 1 B, 6 B)")
    parser.add_argument("--prices", type=Path, default=PRICES, help="a YAML file as prices_2026-12.yaml")
    parser.add_argument("--rates", type=Path, default=RATES, help="a YAML file as rates.yaml")
    parser.add_argument("--workers", type=int, default=256, help="cores of the cluster")
    known = parser.parse_args(words)
    rates, prices = read_rates(known.rates), read_prices(known.prices)
    for pairs in known.pairs or SIZES:
        costs = costs_of(pairs, rates, prices)
        print(f"{_count(pairs)} pairs, prices of {known.prices.stem.removeprefix('prices_')}, {known.workers} cores\n")
        print(cost_table(costs))
        stored = sum(cost.amounts["stored_bytes"] for cost in costs) / 1e9
        print(f"\nstored: {stored:,.0f} GB, {stored * prices['stored_gb_month']:,.0f} dollars a month")
        print(f"core hours over {known.workers} cores: {_hours(costs, 'core_s') / known.workers:,.1f} h\n")
        print(shuffle_table(int(pairs), known.workers))
        print(f"\n{gathered_line(int(pairs))}\n")
    total = sum(cost.dollars for cost in costs_of(_GOAL_PAIRS, rates, prices))
    print(f"1 B pairs: {total:,.0f} dollars of compute and requests; goal: below {_GOAL_DOLLARS}")
    return 0


def cost_table(costs: Sequence[StageCost]) -> str:
    """Returns the costs of a run as lines of a table; `~` before what was not measured."""
    rows = [("stage", "rows in", "core h", "GPU h", "shuffled GB", "stored GB", "requests", "dollars")]
    for cost in costs:
        values = [cost.amounts[name] / unit for name, unit in _UNITS.items()]
        shown = [
            "" if not value else f"{'' if name in cost.rate.measured else '~'}{value:,.{0 if value >= 100 else 1}f}"
            for name, value in zip(_UNITS, values, strict=True)
        ]
        rows.append((cost.rate.stage, _count(cost.rows), *shown, f"{cost.dollars:,.2f}"))
    rows.append(("all", "", *("" for _ in _UNITS), f"{sum(cost.dollars for cost in costs):,.2f}"))
    return _aligned(rows)


def shuffle_table(rows: int, workers: int) -> str:
    """Returns the simulated shuffles as lines of a table."""
    table = [("shuffle", "partitions", "largest / mean", "largest MB", "pieces a worker")]
    for shuffle in simulate(rows, workers):
        table.append(
            (
                shuffle.name,
                f"{shuffle.partitions:,}",
                f"{shuffle.largest_over_mean:.2f}",
                f"{shuffle.largest_bytes / 1e6:,.1f}",
                f"{shuffle.pieces:,.0f}",
            )
        )
    return _aligned(table)


def gathered_line(rows: int) -> str:
    """Returns what grows with the input in one place: which rows hang together by links between near-duplicates."""
    waiting, merging = (rows * _LINKED * size / 1e9 for size in (MEMBER_BYTES, MERGED_BYTES))
    return (
        f"in one place: {waiting:,.2f} GB that say which near-duplicates hang together, {merging:,.2f} GB while they "
        "are merged"
    )


_UNITS = {"core_s": 3600, "gpu_s": 3600, "shuffled_bytes": 1e9, "stored_bytes": 1e9, "requests": 1}


def _hours(costs: Sequence[StageCost], resource: str) -> float:
    return sum(cost.amounts[resource] for cost in costs) / 3600


def _count(rows: float) -> str:
    return f"{rows / 1e9:,.2g} B" if rows >= 1e9 else f"{rows / 1e6:,.3g} M"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
