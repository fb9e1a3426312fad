"""Drawing pairs so that no concept outweighs the others, as MetaCLIP does; concepts are matched metadata entries.

Source: MetaCLIP (Xu et al. 2023), metaclip1/balancing.py; MetaCLIP 2 (Chuang et al. 2025), curation/curate.py. Their
draws come from a global generator; here they follow from (seed, uid, entry), so that no order changes what is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from babelsift.filters.mix64 import mix64
from babelsift.filters.selection.order_keys import draws_for
from babelsift.schemas import Decision, RejectReason
from babelsift.schemas.recipe import BalanceSettings

# entry: position in its list. rows: pairs that match it.
ENTRY_COUNT = np.dtype([("entry", "<i4"), ("rows", "<i8")])


def count_entries(matches: pa.ListArray) -> np.ndarray:
    """Returns how many rows match each entry.

    Args:
        matches: list<int32>[n], an entry at most once a row.

    Returns:
        ENTRY_COUNT[k], sorted by entry.
    """
    entries, rows = np.unique(matches.flatten().to_numpy(zero_copy_only=False), return_counts=True)
    counts = np.empty(len(entries), ENTRY_COUNT)
    counts["entry"], counts["rows"] = entries, rows
    return counts


def add_entry_counts(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the sums of counts.

    Args:
        parts: ENTRY_COUNT[k] each.

    Returns:
        ENTRY_COUNT[m], sorted by entry.
    """
    together = np.concatenate(parts) if parts else np.empty(0, ENTRY_COUNT)
    entries, places = np.unique(together["entry"], return_inverse=True)
    total = np.zeros(len(entries), ENTRY_COUNT)
    total["entry"] = entries
    np.add.at(total["rows"], places, together["rows"])
    return total


def tail_share(counts: np.ndarray, threshold: int) -> float:
    """Returns the share of all matches that is of entries with fewer than `threshold` (MetaCLIP 2's t_to_p).

    Args:
        counts: int64[k], at least one above 0.
    """
    return float(counts[counts < threshold].sum() / counts.sum())


def threshold_for_share(counts: np.ndarray, share: float) -> int:
    """Returns the count of the entry at which the cumulated share of matches, rarest first, is nearest to `share`.

    MetaCLIP 2's p_to_t, except that entries which nothing matches have no say: with the published rule they would make
    the threshold 0, and a language lose everything, where English has no tail at all.

    Args:
        counts: int64[k], all above 0.
    """
    ascending = np.sort(counts)
    nearest = np.abs(np.cumsum(ascending) / ascending.sum() - share).argmin()
    return int(ascending[nearest])


def thresholds(counts: Mapping[str, np.ndarray], settings: BalanceSettings) -> dict[str, int]:
    """Returns t of each list that anything matches.

    With "metaclip-2" all lists take the settings' t where nothing matches the reference language's.

    Args:
        counts: list's name -> ENTRY_COUNT[k].
    """
    reference = counts.get(settings.reference_language)
    if settings.rule == "metaclip-1" or reference is None:
        return dict.fromkeys(counts, settings.threshold)
    share = tail_share(reference["rows"], settings.threshold)
    return {
        name: settings.threshold if name == settings.reference_language else threshold_for_share(of_list["rows"], share)
        for name, of_list in counts.items()
    }


@dataclass(frozen=True)
class EntryProbabilities:
    """How likely each entry of a list keeps a pair that matches it: t / max(count, t).

    Attributes:
        entries: int32[k], sorted.
        probabilities: float64[k].
    """

    entries: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray, threshold: int) -> EntryProbabilities:
        """Returns the probabilities at a threshold.

        Args:
            counts: ENTRY_COUNT[k], sorted by entry.
        """
        return cls(counts["entry"], threshold / np.maximum(counts["rows"], threshold))

    def at(self, entries: np.ndarray) -> np.ndarray:
        """Returns float64[n], the probabilities of entries that were counted."""
        return self.probabilities[np.searchsorted(self.entries, entries)]


def entry_draws(uids: pa.Array, entries: np.ndarray, seed: int) -> np.ndarray:
    """Returns float64[n] in [0, 1), the draw of each (uid, entry).

    Args:
        uids: string[n].
        entries: int[n].
    """
    return _fractions(mix64(draws_for(uids, seed, "balance") ^ mix64(entries.astype(np.uint64))))


def pair_draws(uids: pa.Array, seed: int) -> np.ndarray:
    """Returns float64[n] in [0, 1), the draw of each pair.

    Args:
        uids: string[n].
    """
    return _fractions(draws_for(uids, seed, "balance"))


def reject_by_balance(
    batch: pa.RecordBatch,
    lists: Sequence[str | None],
    probabilities: Mapping[str, EntryProbabilities],
    settings: BalanceSettings,
    seed: int,
    decision: Decision,
) -> None:
    """Rejects the rows that the rule's draws leave out; values are how likely they were kept, thresholds their draw.

    Args:
        batch: has uid and matched_entries.
        lists: n, the list that each row's entries are of; None: of no list.
    """
    matches = batch.column("matched_entries")
    lengths = matches.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(batch)), lengths)
    entries = matches.flatten().to_numpy(zero_copy_only=False)
    chances = np.zeros(len(rows))
    of_row = np.array([name if name is not None else "" for name in lists], dtype=object)[rows]
    for name, known in probabilities.items():
        own = of_row == name
        chances[own] = known.at(entries[own])
    missed = np.ones(len(batch))
    np.multiply.at(missed, rows, 1.0 - chances)
    likely = 1.0 - missed
    if settings.rule == "metaclip-1":
        drawn = entry_draws(batch.column("uid").take(pa.array(rows)), entries, seed)
        kept = np.bincount(rows[drawn < chances], minlength=len(batch)) > 0
        shown = np.ones(len(batch))
        np.minimum.at(shown, rows, drawn)
    else:
        shown = pair_draws(batch.column("uid"), seed)
        kept = (likely >= shown) & (lengths > 0)
    decision.reject(~kept, RejectReason.CONCEPTS_TOO_FREQUENT, values=likely, threshold=shown)


def _fractions(draws: np.ndarray) -> np.ndarray:
    return (draws >> np.uint64(11)).astype(np.float64) * 2.0**-53
