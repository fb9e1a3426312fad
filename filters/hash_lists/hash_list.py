"""Lists of hashes as arrays, and which images are on them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from babelsift.filters.hash_lists.parse import DIGEST_BYTES

ALGORITHMS = tuple(DIGEST_BYTES)
PDQ = "pdq"
# Algorithm -> one digest an image, or None; beside them `pdq_quality`, a number from 0 to 100 or None.
ImageHashColumns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class HashList:
    """The entries of one list, about 100 bytes of memory each of PDQ and its own length each of the others.

    Attributes:
        name: of the list.
        digests: algorithm -> the digests' bytes, one after another, in any order.
        max_distance: bits of PDQ in which an image may differ from an entry, at most 31.
        min_quality: of the images that PDQ compares.
    """

    name: str
    digests: Mapping[str, bytes | bytearray] = field(repr=False)
    max_distance: int = 31
    min_quality: int = 50

    @property
    def algorithms(self) -> frozenset[str]:
        """Those that the list has entries of."""
        return frozenset(name for name, digests in self.digests.items() if digests)

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits by which a changed list is told; no entry can be found from it."""
        digest = hashlib.blake2b(digest_size=16, person=b"hash list")
        digest.update(f"{self.name} {self.max_distance} {self.min_quality}".encode())
        for name in sorted(self.algorithms):
            digest.update(f" {name} ".encode() + self._sorted[name].tobytes())
        return digest.hexdigest()

    @cached_property
    def _sorted(self) -> dict[str, np.ndarray]:
        """Algorithm -> its digests, sorted."""
        return {
            name: np.sort(np.frombuffer(bytes(self.digests[name]), f"S{DIGEST_BYTES[name]}"))
            for name in self.algorithms
        }

    @cached_property
    def _pdq(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(the entries, where each word's values begin, the entries' order by each word), see `near_kernels`."""
        from babelsift.filters.hash_lists.near_kernels import WORD_VALUES, WORDS

        entries = _as_words(self._sorted[PDQ].tobytes())
        words = entries.view(np.uint16)
        order = np.empty((WORDS, len(entries)), np.int32)
        starts = np.zeros((WORDS, WORD_VALUES + 1), np.int32)
        for word in range(WORDS):
            values = np.ascontiguousarray(words[:, word])
            order[word] = np.argsort(values, kind="stable")
            starts[word, 1:] = np.cumsum(np.bincount(values, minlength=WORD_VALUES))
        return entries, starts, order

    def prepared(self) -> HashList:
        """Returns the list itself, after all that a first question waits for: threads may ask it at once from then."""
        self.has({name: [bytes(DIGEST_BYTES[name])] for name in self.algorithms})
        return self

    def has(self, images: ImageHashColumns) -> np.ndarray:
        """Returns bool[n], which images are on the list; a hash that an image lacks is not compared."""
        size = max(map(len, images.values()), default=0)
        is_on = np.zeros(size, bool)
        for name in sorted(self.algorithms & images.keys()):
            digests = images[name]
            known = [row for row, digest in enumerate(digests) if digest is not None]
            if name == PDQ and "pdq_quality" in images:
                known = [row for row in known if (images["pdq_quality"][row] or 0) >= self.min_quality]
            if known:
                is_on[known] |= self._are_entries(name, [digests[row] for row in known])
        return is_on

    def _are_entries(self, name: str, digests: Sequence[bytes]) -> np.ndarray:
        content = b"".join(digests)
        if name == PDQ:
            from babelsift.filters.hash_lists.near_kernels import are_near

            return are_near(_as_words(content), *self._pdq, self.max_distance)
        wanted, entries = np.frombuffer(content, f"S{DIGEST_BYTES[name]}"), self._sorted[name]
        places = np.minimum(np.searchsorted(entries, wanted), len(entries) - 1)
        return entries[places] == wanted


@dataclass(frozen=True)
class HashLists:
    """All lists of a recipe.

    Attributes:
        lists: the first that an image is on is the one that is named.
    """

    lists: tuple[HashList, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lists)

    @cached_property
    def algorithms(self) -> frozenset[str]:
        """Those that any list has entries of."""
        return frozenset().union(*(one.algorithms for one in self.lists))

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits by which changed lists are told."""
        return hashlib.blake2b(" ".join(one.fingerprint for one in self.lists).encode(), digest_size=16).hexdigest()

    def names(self, images: ImageHashColumns) -> list[str | None]:
        """Returns, of each image, the name of the first list that it is on; None where it is on none.

        Args:
            images: the images' hashes.

        >>> cat = bytes(15) + b"a"
        >>> HashLists((HashList("cats", {"md5": cat}),)).names({"md5": [cat, bytes(16), None]})
        ['cats', None, None]
        """
        names: list[str | None] = [None] * max(map(len, images.values()), default=0)
        for one in reversed(self.lists):
            for row in np.flatnonzero(one.has(images)):
                names[row] = one.name
        return names

    def name_of_bytes(self, body: bytes) -> str | None:
        """Returns the name of the list that a file's bytes are on by a digest, or None."""
        digests = sorted(self.algorithms - {PDQ})
        return self.name_of({name: hashlib.new(name, body, usedforsecurity=False).digest() for name in digests})

    def name_of(self, hashes: Mapping[str, Any]) -> str | None:
        """Returns the name of the first list that one image is on, or None; hashes: as of `names`, one each."""
        if not self.lists or not hashes:
            return None
        return self.names({name: [value] for name, value in hashes.items()})[0]


NO_LISTS = HashLists()


def _as_words(content: bytes) -> np.ndarray:
    """Returns uint64[n, 4] of hashes of 32 bytes."""
    return np.frombuffer(content, np.uint64).reshape(-1, DIGEST_BYTES[PDQ] // 8)
