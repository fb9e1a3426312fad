"""A share of the staging partitions: what one of several processes downloads and scores, on a machine of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from babelsift.schemas import RecipeError


@dataclass(frozen=True)
class Share:
    """Every `count`-th staging partition, from the `index`-th on.

    >>> [partition for partition in range(7) if Share(1, 3).has(partition)]
    [1, 4]
    """

    index: int = 0
    count: int = 1

    def has(self, partition: int) -> bool:
        """Returns whether a partition is in it."""
        return partition % self.count == self.index


ALL = Share()


def parse_share(word: str) -> Share:
    """Returns the share that a word such as `2/8` names.

    Raises:
        RecipeError: it names none.

    >>> parse_share("0/8")
    Share(index=0, count=8)
    """
    match = re.fullmatch(r"(\d+)/(\d+)", word)
    if match is None or int(match[1]) >= int(match[2]):
        raise RecipeError(f"--share {word}: is not K/N with K below N; the shares of 8 processes are 0/8 to 7/8")
    return Share(int(match[1]), int(match[2]))
