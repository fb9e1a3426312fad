"""Radix select: the key at a rank of each group, found digit by digit, without holding or sorting any group.

1. Count. Each batch counts, group by group, the highest 16-bit digit of its keys: at most 65 536 counters a group.
2. Add. The counts of all batches are added.
3. Descend. Each group's rank falls among the keys of one digit: that digit is the key's next one, and the rank among
   the keys that share it is what is left to find.
4. Again, with the next digit, for the keys that begin with the digits known so far; a key of 64 bits takes four passes.

        keys (2 digits)    rank 3 of 5      count 1st digit   descend            count 2nd digit     descend
        17 12 25 21 29  -> [12 17 21 25*29] {1: 2, 2: 3}   -> 2_, rank 1 of 3 -> {1: 1, 5: 1, 9: 1} -> 25
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import apache_beam as beam
import numpy as np

from babelsift.filters.selection import DIGIT_BITS, KEY_BITS, DigitCounts, add_counts, count_digits, digit_at
from babelsift.pipelines.core.transform import Transform, single_element

GroupKeys = dict[str, bytes]  # group -> packed uint64 keys
# group -> (its selected key, or the digits of it that are known so far; the rank among the keys that equal it, or begin
# with these digits; how many those are)
SelectedKeys = dict[str, tuple[int, int, int]]
RankOf = Callable[[str, int], int | None]


@dataclass
class RadixSelect(Transform):
    """Finds the key at a rank of each group, keys in ascending order.

    Input: dicts of group -> packed uint64 keys. Output: one dict of group -> (key, its rank among equal keys, how many
    equal keys there are); a group without a rank is left out.

    Attributes:
        rank_of: (group, how many keys it has) -> the rank, from 0, or None; picklable.
        digits: how many 16-bit digits of a key count, from the highest; those below are zero in the output.
    """

    rank_of: RankOf
    digits: int = KEY_BITS // DIGIT_BITS

    def expand(self, keys: beam.PCollection[GroupKeys]) -> beam.PCollection[SelectedKeys]:
        """Finds one digit after the other."""
        selected = single_element(keys, "Nothing", {})
        for digit in range(self.digits):
            known = beam.pvalue.AsSingleton(selected)
            selected = (
                keys
                | f"Count{digit}" >> beam.Map(count_groups, known, digit).with_output_types(dict)
                | f"Add{digit}" >> beam.CombineGlobally(add_groups)
                | f"Find{digit}" >> beam.Map(find_digits, known, digit, self.rank_of)
            )
        shift = KEY_BITS - DIGIT_BITS * self.digits
        return selected | "Whole" >> beam.Map(whole_keys, shift)


def count_groups(keys: GroupKeys, known: SelectedKeys, digit: int) -> dict[str, DigitCounts]:
    """Returns the counts of a digit: of all groups for the highest digit, of those with a rank for the others."""
    groups = keys if digit == 0 else keys.keys() & known.keys()
    return {
        group: count_digits(np.frombuffer(keys[group], np.uint64), known[group][0] if digit else 0, digit)
        for group in groups
    }


def add_groups(counts: Iterable[dict[str, DigitCounts]]) -> dict[str, DigitCounts]:
    """Returns the sums of counts, group by group."""
    by_group: dict[str, list[DigitCounts]] = {}
    for counts_of_batch in counts:
        for group, counts_of_group in counts_of_batch.items():
            by_group.setdefault(group, []).append(counts_of_group)
    return {group: add_counts(counts_of_group) for group, counts_of_group in by_group.items()}


def find_digits(counts: dict[str, DigitCounts], known: SelectedKeys, digit: int, rank_of: RankOf) -> SelectedKeys:
    """Returns the digits known so far and one more, of each group that has a rank."""
    longer: SelectedKeys = {}
    for group, counts_of_group in counts.items():
        prefix = known[group][0] if digit else 0
        rank = known[group][1] if digit else rank_of(group, sum(counts_of_group.values()))
        if rank is not None:
            next_digit, rank_within, keys_within = digit_at(counts_of_group, rank)
            longer[group] = ((prefix << DIGIT_BITS) | next_digit, rank_within, keys_within)
    return longer


def whole_keys(selected: SelectedKeys, shift: int) -> SelectedKeys:
    """Returns the selected keys with the digits that did not count as zeros."""
    return {group: (key << shift, rank, equal) for group, (key, rank, equal) in selected.items()}
