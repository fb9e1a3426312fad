"""The cost of a run: rates a stage times what comes into it, and prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

RATES = Path(__file__).parent / "rates.yaml"
PRICES = Path(__file__).parent / "prices_2026-12.yaml"
_RESOURCES = ("core_s", "gpu_s", "shuffled_bytes", "stored_bytes", "requests")


@dataclass(frozen=True)
class Rate:
    """A stage's rates for a million rows that come into it.

    Attributes:
        stage: its name, or several.
        survivors: the share of them that stays.
        resources: core_s, gpu_s, shuffled_bytes, stored_bytes, requests.
        measured: those of them that were measured.
        how: by what.
    """

    stage: str
    survivors: float
    resources: Mapping[str, float]
    measured: frozenset[str] = frozenset()
    how: str = ""


@dataclass(frozen=True)
class StageCost:
    """What a stage of a run takes, and costs in dollars.

    Attributes:
        rate: whose rows these are.
        rows: that come in.
        amounts: of each resource.
        dollars: for compute and requests; what is stored costs by the month.
    """

    rate: Rate
    rows: float
    amounts: Mapping[str, float]
    dollars: float


def read_rates(path: Path = RATES) -> list[Rate]:
    """Returns the rates of a file, in the order of the stages.

    Raises:
        ValueError: a rate has no name of ours, or says that it measured what it does not have.
    """
    return [_rate(entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]


def _rate(entry: Mapping[str, Any]) -> Rate:
    known = {"stage", "survivors", "measured", "how", *_RESOURCES}
    if unknown := set(entry) - known:
        raise ValueError(f"rates: {entry.get('stage')}: no rate {min(unknown)!r}; there are {', '.join(sorted(known))}")
    resources = {name: float(entry.get(name, 0)) for name in _RESOURCES}
    measured = frozenset(entry.get("measured", ()))
    if absent := [name for name in measured if not resources.get(name)]:
        raise ValueError(f"rates: {entry['stage']}: {absent[0]} is said to be measured and is not there")
    return Rate(entry["stage"], float(entry["survivors"]), resources, measured, entry.get("how", ""))


def read_prices(path: Path = PRICES) -> dict[str, float]:
    """Returns dollars: core_hour, gpu_hour, million_requests, stored_gb_month."""
    return {name: float(value) for name, value in yaml.safe_load(path.read_text(encoding="utf-8")).items()}


def costs_of(pairs: float, rates: Sequence[Rate], prices: Mapping[str, float]) -> list[StageCost]:
    """Returns what each stage of a run takes.

    Args:
        pairs: that are read.
        rates: of the stages, in their order.
        prices: see `read_prices`.

    >>> rates = [Rate("half", 0.5, {"core_s": 3600}), Rate("all", 1.0, {"core_s": 3600})]
    >>> [cost.dollars for cost in costs_of(2e6, rates, {"core_hour": 1.0, "gpu_hour": 0, "million_requests": 0})]
    [2.0, 1.0]
    """
    costs, rows = [], pairs
    for rate in rates:
        amounts = {name: value * rows / 1e6 for name, value in rate.resources.items()}
        dollars = amounts["core_s"] / 3600 * prices["core_hour"]
        dollars += amounts.get("gpu_s", 0) / 3600 * prices["gpu_hour"]
        dollars += amounts.get("requests", 0) / 1e6 * prices["million_requests"]
        costs.append(StageCost(rate, rows, amounts, dollars))
        rows *= rate.survivors
    return costs
