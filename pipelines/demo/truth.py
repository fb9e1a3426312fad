"""Compares what a run of the demo kept and left out with what it should have.

Pairs of one cluster show the same scene, and one of them should survive. Which one is the pipeline's choice (the lowest
uid), so that good pairs and their duplicates are judged a cluster, never a row.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from babelsift.pipelines.demo.web import Kind
from babelsift.schemas import AccountingError

_GOOD_KINDS = frozenset({Kind.GOOD, Kind.GOOD_AFTER_RETRY, Kind.EXACT_DUPLICATE, Kind.NEAR_DUPLICATE})
_REASONS_SHOWN = 2


@dataclass(frozen=True)
class KindTruth:
    """What became of the pairs of one kind, in rows.

    Attributes:
        expected: what should be kept of them, in words. as_expected: rows of which that holds. reasons: reason -> rows,
            most first.
    """

    kind: Kind
    rows: int
    kept: int
    expected: str
    as_expected: int
    reasons: dict[str, int]

    @property
    def left_out(self) -> int:
        """Rows left out."""
        return self.rows - self.kept


@dataclass(frozen=True)
class TruthTable:
    """The comparison of a run with the truth.

    Attributes:
        kept: pairs kept. right: those of them that are of a good kind and their cluster's only survivor.
        scenes: clusters with a good pair, each of which should have one survivor.
        doubled: clusters with more than one. lost: clusters with none.
    """

    kinds: tuple[KindTruth, ...]
    kept: int
    right: int
    scenes: int
    doubled: int
    lost: int

    @property
    def precision(self) -> float:
        """The share of kept pairs that are right; 1 where nothing was kept."""
        return self.right / self.kept if self.kept else 1.0

    @property
    def recall(self) -> float:
        """The share of scenes of which exactly one pair was kept; 1 where there are none."""
        return self.right / self.scenes if self.scenes else 1.0


def compare(truth: pa.Table, kept: pa.Table, rejected: pa.Table) -> TruthTable:
    """Returns what became of the pairs of each kind.

    Args:
        truth: `web.truth_table`. kept, rejected: a row a pair with source_row, and `reason` where rejected.

    Raises:
        AccountingError: a row of the truth is not in exactly one of the two.
    """
    reasons = _fates(truth, kept, rejected)
    rows = [
        (Kind(row["kind"]), row["cluster"], reasons[row["source_row"]])
        for row in truth.select(["kind", "cluster", "source_row"]).to_pylist()
    ]
    survivors: dict[int, int] = defaultdict(int)
    for kind, cluster, reason in rows:
        if kind in _GOOD_KINDS:
            survivors[cluster] += reason is None
    return TruthTable(
        kinds=tuple(_kind_truth(kind, rows, survivors) for kind in Kind),
        kept=len(kept),
        right=sum(count == 1 for count in survivors.values()),
        scenes=len(survivors),
        doubled=sum(count > 1 for count in survivors.values()),
        lost=sum(count == 0 for count in survivors.values()),
    )


def _fates(truth: pa.Table, kept: pa.Table, rejected: pa.Table) -> dict[int, str | None]:
    """Returns source row -> reason, None where kept."""
    kept_rows, rejected_rows = kept["source_row"].to_pylist(), rejected["source_row"].to_pylist()
    expected, counted = Counter(truth["source_row"].to_pylist()), Counter(kept_rows + rejected_rows)
    if expected != counted:
        missing, extra = sorted((expected - counted).elements()), sorted((counted - expected).elements())
        raise AccountingError(
            f"of {len(truth)} input rows, {len(missing)} have no fate (source rows {missing[:5]}) and {len(extra)} "
            f"fates are not wanted (source rows {extra[:5]}); was the run made from this truth's table?"
        )
    return dict.fromkeys(kept_rows) | dict(zip(rejected_rows, rejected["reason"].to_pylist(), strict=True))


def _kind_truth(kind: Kind, rows: list[tuple[Kind, int, str | None]], survivors: Mapping[int, int]) -> KindTruth:
    ours = [(cluster, reason) for row_kind, cluster, reason in rows if row_kind is kind]
    if kind in _GOOD_KINDS:
        as_expected = sum(survivors[cluster] == 1 for cluster, _ in ours)
        expected = "one a scene"
    else:
        as_expected = sum(reason is not None for _, reason in ours)
        expected = "none"
    reasons = Counter(reason for _, reason in ours if reason is not None)
    return KindTruth(
        kind=kind,
        rows=len(ours),
        kept=sum(reason is None for _, reason in ours),
        expected=expected,
        as_expected=as_expected,
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )


def format_table(table: TruthTable) -> str:
    """Returns the comparison as lines for a terminal of 120 columns."""
    head = ("what the pair is", "rows", "kept", "left out", "should stay", "right", "reasons given")
    body = [
        (
            kind.kind.value.replace("_", " "),
            str(kind.rows),
            str(kind.kept),
            str(kind.left_out),
            kind.expected,
            f"{_percent(kind.as_expected, kind.rows)}",
            _reasons(kind.reasons),
        )
        for kind in table.kinds
        if kind.rows
    ]
    widths = [max(len(row[column]) for row in [head, *body]) for column in range(len(head) - 1)]
    numeric = {1, 2, 3, 5}
    lines = []
    for row in [head, *body]:
        cells = [
            cell.rjust(width) if column in numeric else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    lines.insert(1, "-" * max(len(line) for line in lines))
    lines += [
        "",
        f"precision {table.precision:7.2%}   {table.right} of {table.kept} kept pairs are true and their scene's only",
        f"recall    {table.recall:7.2%}   {table.right} of {table.scenes} good scenes kept once;"
        f" {table.lost} lost, {table.doubled} kept more than once",
    ]
    return "\n".join(lines)


def _percent(part: int, whole: int) -> str:
    """Returns a share in per cent, never rounded up to 100."""
    return "100 %" if part == whole else f"{int(1000 * part / whole) / 10} %"


def _reasons(reasons: Mapping[str, int]) -> str:
    shown = [f"{reason} {rows}" for reason, rows in list(reasons.items())[:_REASONS_SHOWN]]
    others = sum(list(reasons.values())[_REASONS_SHOWN:])
    return ", ".join([*shown, f"others {others}"] if others else shown)
