"""The funnel: how many rows went into and came out of each stage, and what became of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from babelsift.schemas.errors import AccountingError
from babelsift.schemas.reasons import OPTIONAL_STAGES, STAGE_ORDER, Stage

IN, OUT = "in", "out"
SOURCE_ROWS = "source_rows"  # of the first stage: rows of the input, each of which may have several texts
# (stage, IN or OUT or a reason, language or "" where it is not known yet) -> rows
Counts = Mapping[tuple[str, str, str], int]


@dataclass(frozen=True)
class StageFunnel:
    """One stage's account, in rows.

    Attributes:
        rejected: reason -> rows. by_language: language -> {"in": rows, "out": rows}; empty before languages are known.
        rejected_by_language: reason -> language -> rows; only reasons that rows of known language were rejected for.
    """

    stage: str
    in_rows: int
    out_rows: int
    rejected: dict[str, int] = field(default_factory=dict)
    by_language: dict[str, dict[str, int]] = field(default_factory=dict)
    rejected_by_language: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def rejected_rows(self) -> int:
        """Rows left out at this stage."""
        return sum(self.rejected.values())


@dataclass(frozen=True)
class Funnel:
    """The account of a run, stage by stage in order, in pairs.

    Attributes:
        stages: in the order in which a pair meets them.
        source_rows: rows of the input, which may have several texts each; None: not known.
        warnings: sentences of stages on what they left out.
    """

    stages: tuple[StageFunnel, ...]
    source_rows: int | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_counts(cls, counts: Counts) -> Funnel:
        """Builds the funnel of all stages in pipeline order; a stage that the counts do not name saw no row.

        Optional stages that they do not name are left out.
        """
        source_rows = [rows for (_, outcome, _), rows in counts.items() if outcome == SOURCE_ROWS]
        counts = {key: rows for key, rows in counts.items() if key[1] != SOURCE_ROWS}
        counted = {stage for stage, _, _ in counts}
        shown = [stage for stage in STAGE_ORDER if stage.value in counted or stage not in OPTIONAL_STAGES]
        stages = tuple(_stage_funnel(stage, counts) for stage in shown)
        return cls(stages, sum(source_rows) if source_rows else None)

    @property
    def input_rows(self) -> int:
        """Pairs that entered the first stage: texts of the input's rows, and rows without one."""
        return self.stages[0].in_rows if self.stages else 0

    @property
    def has_more_pairs_than_rows(self) -> bool:
        """Whether rows of the input had several texts."""
        return self.source_rows is not None and self.source_rows != self.input_rows

    @property
    def kept_rows(self) -> int:
        """Rows that left the last stage."""
        return self.stages[-1].out_rows if self.stages else 0

    @property
    def rejected_rows(self) -> int:
        """Rows left out at any stage."""
        return sum(stage.rejected_rows for stage in self.stages)

    def check(self) -> Funnel:
        """Returns the funnel if every stage's sums hold and each stage received what its predecessor let through.

        Raises:
            AccountingError: names every stage whose sums do not hold.
        """
        wrong = []
        for stage in self.stages:
            if stage.in_rows != stage.out_rows + stage.rejected_rows:
                wrong.append(
                    f"{stage.stage}: {stage.in_rows} rows in, {stage.out_rows} kept + {stage.rejected_rows} rejected"
                )
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if before.out_rows != after.in_rows:
                wrong.append(f"{before.stage} let {before.out_rows} rows out, {after.stage} received {after.in_rows}")
        if wrong:
            raise AccountingError("pairs were lost or doubled; " + "; ".join(wrong) + "; please report this as a bug")
        return self

    def to_json(self) -> dict[str, Any]:
        """Returns the funnel as funnel.json holds it."""
        return {
            "source_rows": self.source_rows,
            "input_rows": self.input_rows,
            "kept_rows": self.kept_rows,
            "rejected_rows": self.rejected_rows,
            "stages": [
                {
                    "stage": stage.stage,
                    "in_rows": stage.in_rows,
                    "out_rows": stage.out_rows,
                    "rejected": stage.rejected,
                    "by_language": stage.by_language,
                    "rejected_by_language": stage.rejected_by_language,
                }
                for stage in self.stages
            ],
            "warnings": [*self.warnings],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Funnel:
        """Reads what `to_json` wrote; what a newer version says besides is passed over.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is something else.
        """
        stages = tuple(StageFunnel(**_known(stage)) for stage in content["stages"])
        source_rows = content.get(SOURCE_ROWS)
        counts = [count for stage in stages for count in _counts_of(stage)]
        if not all(type(count) is int and count >= 0 for count in (*counts, source_rows or 0)):
            raise ValueError("its counts are no whole numbers")
        return cls(stages, source_rows, tuple(str(warning) for warning in content.get("warnings", ())))


def _known(stage: Mapping[str, Any]) -> dict[str, Any]:
    return {name: stage[name] for name in StageFunnel.__dataclass_fields__ if name in stage}


def _counts_of(stage: StageFunnel) -> list[Any]:
    """All counts of a stage's account, wherever they are in it."""
    if not isinstance(stage.stage, str):
        raise TypeError("a stage has no name")
    by_language = [count for counts in stage.by_language.values() for count in counts.values()]
    by_reason = [count for counts in stage.rejected_by_language.values() for count in counts.values()]
    return [stage.in_rows, stage.out_rows, *stage.rejected.values(), *by_language, *by_reason]


def _stage_funnel(stage: Stage, counts: Counts) -> StageFunnel:
    totals: dict[str, int] = {}
    languages: dict[str, dict[str, int]] = {}
    reasons: dict[str, dict[str, int]] = {}
    for (name, outcome, language), rows in counts.items():
        if name != stage.value:
            continue
        totals[outcome] = totals.get(outcome, 0) + rows
        if language and outcome != IN:
            account = languages.setdefault(language, {IN: 0, OUT: 0})
            account[IN] += rows
            account[OUT] += rows if outcome == OUT else 0
            if outcome != OUT:
                gone = reasons.setdefault(outcome, {})
                gone[language] = gone.get(language, 0) + rows
    in_rows, out_rows = totals.pop(IN, 0), totals.pop(OUT, 0)
    return StageFunnel(
        stage=stage.value,
        in_rows=in_rows,
        out_rows=out_rows,
        rejected=dict(sorted(totals.items())),
        by_language=dict(sorted(languages.items())),
        rejected_by_language={reason: dict(sorted(gone.items())) for reason, gone in sorted(reasons.items())},
    )
