"""Draws pairs so that no concept outweighs the others, as MetaCLIP does; concepts are the entries that captions match.

Source: MetaCLIP (Xu et al. 2023), metaclip1/balancing.py; MetaCLIP 2 (Chuang et al. 2025), curation/curate.py. Their
draws come from a global generator; here they follow from (seed, uid, entry), so that no order changes what is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from babelsift.filters.mix64 import mix64
from babelsift.filters.uids import draws_for
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

    >>> count_entries(pa.array([[0, 2], [2]], pa.list_(pa.int32()))).tolist()
    [(0, 1), (2, 2)]
    """
    entries, rows = np.unique(matches.flatten().to_numpy(zero_copy_only=False), return_counts=True)
    counts = np.empty(len(entries), ENTRY_COUNT)
    counts["entry"], counts["rows"] = entries, rows
    return counts


def add_entry_counts(counts: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the sum of counts.

    Args:
        counts: any number of ENTRY_COUNT[k].

    Returns:
        ENTRY_COUNT[m], sorted by entry.
    """
    together = np.concatenate(counts) if counts else np.empty(0, ENTRY_COUNT)
    entries, index = np.unique(together["entry"], return_inverse=True)
    total = np.zeros(len(entries), ENTRY_COUNT)
    total["entry"] = entries
    np.add.at(total["rows"], index, together["rows"])
    return total


def tail_share(counts: np.ndarray, threshold: int) -> float:
    """Returns the share of all matches that is of entries with fewer than `threshold` matches.

    Args:
        counts: int64[k], at least one above 0.
        threshold: matches.

    Source:
        MetaCLIP 2's t_to_p.

    >>> tail_share(np.array([1, 2, 7]), 3)
    0.3
    """
    return float(counts[counts < threshold].sum() / counts.sum())


def threshold_for_share(counts: np.ndarray, share: float) -> int:
    """Returns the count of the entry at which the cumulated share of matches, rarest first, is nearest to `share`.

    Entries that nothing matches have no say: with the published rule they would make the threshold 0, and a language
    would lose everything, where English has no tail at all.

    Args:
        counts: int64[k], all above 0.
        share: 0 to 1.

    Source:
        MetaCLIP 2's p_to_t.

    >>> threshold_for_share(np.array([7, 1, 2]), 0.3)
    2
    """
    ascending = np.sort(counts)
    nearest = np.abs(np.cumsum(ascending) / ascending.sum() - share).argmin()
    return int(ascending[nearest])


def thresholds(counts: Mapping[str, np.ndarray], settings: BalanceSettings) -> dict[str, int]:
    """Returns t of each list that anything matches.

    With "metaclip-2" every list takes the settings' t where nothing matches the reference language's.

    Args:
        counts: list's name -> ENTRY_COUNT[k].
        settings: the recipe's balance group.
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
            threshold: t, in pairs.
        """
        return cls(counts["entry"], threshold / np.maximum(counts["rows"], threshold))

    def at(self, entries: np.ndarray) -> np.ndarray:
        """Returns float64[n], the probabilities of entries that were counted."""
        return self.probabilities[np.searchsorted(self.entries, entries)]


def entry_draws(uids: pa.Array, entries: np.ndarray, seed: int) -> np.ndarray:
    """Returns the draw of each (uid, entry).

    Args:
        uids: string[n] of 32 hex digits, no nulls.
        entries: int[n].
        seed: any integer.

    Returns:
        float64[n] in [0, 1).

    >>> entry_draws(pa.array(["0" * 32, "0" * 32]), np.array([0, 1]), seed=0).round(3).tolist()
    [0.974, 0.313]
    """
    return _fractions(mix64(draws_for(uids, seed, "balance") ^ mix64(entries.astype(np.uint64))))


def pair_draws(uids: pa.Array, seed: int) -> np.ndarray:
    """Returns the draw of each pair.

    Args:
        uids: string[n] of 32 hex digits, no nulls.
        seed: any integer.

    Returns:
        float64[n] in [0, 1).

    >>> pair_draws(pa.array(["0" * 32]), seed=0).round(3).tolist()
    [0.067]
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
        batch: n rows with uid and matched_entries.
        lists: n, the name of the list that each row's entries are of; None: of no list.
        probabilities: list's name -> those of its entries.
        settings: the recipe's balance group.
        seed: the recipe's.
        decision: of the same rows; changed.
    """
    matches = batch.column("matched_entries")
    lengths = matches.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(batch)), lengths)
    entries = matches.flatten().to_numpy(zero_copy_only=False)
    chances = np.zeros(len(rows))
    list_of_match = np.array([name if name is not None else "" for name in lists], dtype=object)[rows]
    for name, of_list in probabilities.items():
        chosen = list_of_match == name
        chances[chosen] = of_list.at(entries[chosen])
    missed = np.ones(len(batch))
    np.multiply.at(missed, rows, 1.0 - chances)
    likelihoods = 1.0 - missed
    if settings.rule == "metaclip-1":
        drawn = entry_draws(batch.column("uid").take(pa.array(rows)), entries, seed)
        kept = np.bincount(rows[drawn < chances], minlength=len(batch)) > 0
        draws = np.ones(len(batch))
        np.minimum.at(draws, rows, drawn)
    else:
        draws = pair_draws(batch.column("uid"), seed)
        kept = (likelihoods >= draws) & (lengths > 0)
    decision.reject(~kept, RejectReason.CONCEPTS_TOO_FREQUENT, values=likelihoods, threshold=draws)


def _fractions(draws: np.ndarray) -> np.ndarray:
    return (draws >> np.uint64(11)).astype(np.float64) * 2.0**-53
