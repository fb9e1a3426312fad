"""The key at a rank of each group, found by counting digits: one merge of small counts a digit, no group held."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import apache_beam as beam
import numpy as np

from babelsift.filters.selection.order_keys import DIGIT_BITS, KEY_BITS, DigitCounts, add_counts, count_digits, digit_at
from babelsift.pipelines.core.transform import Transform

GroupKeys = dict[str, bytes]  # group -> packed uint64 keys
# (the digits found so far as a number, the rank wanted among the keys that have them, how many have them)
Found = dict[str, tuple[int, int, int]]


@dataclass
class KeysAtRanks(Transform):
    """Finds the key at a rank of each group, in ascending order.

    Input: dicts of group -> packed uint64 keys. Output: one dict of group -> (key, its rank among equal ones, how many
    equal ones there are); groups of which no rank is wanted are left out.

    Attributes: rank_of: (group, its keys) -> the rank from 0, or None; picklable. digits: of 16 bits, that count.
    """

    rank_of: Callable[[str, int], int | None]
    digits: int = KEY_BITS // DIGIT_BITS

    def expand(self, keys: beam.PCollection[GroupKeys]) -> beam.PCollection[Found]:
        """Finds a digit after the other."""
        found = keys.pipeline | "Nothing" >> beam.Create([{}], reshuffle=False)
        for place in range(self.digits):
            known = beam.pvalue.AsSingleton(found)
            found = (
                keys
                | f"Count{place}" >> beam.Map(count_groups, known, place).with_output_types(dict)
                | f"Add{place}" >> beam.CombineGlobally(add_groups)
                | f"Find{place}" >> beam.Map(find_digits, known, place, self.rank_of)
            )
        shift = KEY_BITS - DIGIT_BITS * self.digits
        return found | "Whole" >> beam.Map(whole_keys, shift)


def count_groups(keys: GroupKeys, found: Found, place: int) -> dict[str, DigitCounts]:
    """Returns the counts of a place's digit, of all groups at first, later of those in which a key is looked for."""
    wanted = keys if place == 0 else keys.keys() & found.keys()
    return {
        group: count_digits(np.frombuffer(keys[group], np.uint64), found[group][0] if place else 0, place)
        for group in wanted
    }


def add_groups(parts: Iterable[dict[str, DigitCounts]]) -> dict[str, DigitCounts]:
    """Returns the sums of counts, group by group."""
    together: dict[str, list[DigitCounts]] = {}
    for part in parts:
        for group, counts in part.items():
            together.setdefault(group, []).append(counts)
    return {group: add_counts(counts) for group, counts in together.items()}


def find_digits(
    counts: dict[str, DigitCounts], found: Found, place: int, rank_of: Callable[[str, int], int | None]
) -> Found:
    """Returns what was found, with one more digit."""
    longer: Found = {}
    for group, of_group in counts.items():
        prefix = found[group][0] if place else 0
        rank = found[group][1] if place else rank_of(group, sum(of_group.values()))
        if rank is not None:
            digit, within, equal = digit_at(of_group, rank)
            longer[group] = ((prefix << DIGIT_BITS) | digit, within, equal)
    return longer


def whole_keys(found: Found, shift: int) -> Found:
    """Returns what was found with the lower digits, which did not count, as zeros."""
    return {group: (key << shift, rank, equal) for group, (key, rank, equal) in found.items()}
