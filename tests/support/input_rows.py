"""All that a planned input holds, read slice by slice as workers read it."""

from dataclasses import dataclass, field

from babelsift.pipelines.inputs.read_slice import read_slice


@dataclass
class InputRows:
    """What was read.

    Attributes:
        rows: how many the source has. texts: how many they have.
        pairs: each as a dict. ledger: the rows that are none, likewise.
    """

    rows: int = 0
    texts: int = 0
    pairs: list = field(default_factory=list)
    ledger: list = field(default_factory=list)


def read_rows(plan):
    """Returns the InputRows of an InputPlan."""
    found = InputRows()
    for part in plan.slices:
        for block in read_slice(part, plan):
            found.rows, found.texts = found.rows + block.rows, found.texts + block.texts
            found.pairs += [row for batch in block.pairs for row in batch.to_pylist()]
            found.ledger += [row for batch in block.ledger for row in batch.to_pylist()]
    return found
