"""Which staging partition a pair belongs to. The function's version is in the manifest: what is staged is found by it.

BY_UID      folders of before: the uid's first digits; the pairs of one URL may lie in several partitions
BY_DOMAIN   the URL's registered domain, so that a host's pace and robots.txt are one worker's business, and the pairs
            of a URL meet. A domain above a share of all rows is split: its URLs go by their own hash.

OUT/staging/split_domains.json has the domains that are split. A domain that came to be split only after some of it was
staged is named apart: what was its partition is looked into, too. None is ever joined again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.uids import digests, partition_of
from babelsift.filters.urls import registered_domains
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.shards import StagingListing
from babelsift.schemas import LANGUAGE_SCHEMA, RunFolderError, check

BY_UID, BY_DOMAIN = 1, 2
SPLIT_DOMAINS = "staging/split_domains.json"
# A domain is split above this share of all rows; with few partitions above a partition's share.
MAX_DOMAIN_SHARE = 0.01
_REMEDY = "remove it, and images of large domains are downloaded again"


@dataclass(frozen=True)
class SplitDomains:
    """The domains whose URLs are spread over all partitions.

    Attributes:
        first: since nothing of them was staged.
        later: since some of them was staged already, in the domain's own partition.
    """

    first: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()

    def __contains__(self, domain: str | None) -> bool:
        return domain in self.first or domain in self.later


NO_SPLIT_DOMAINS = SplitDomains()


@dataclass(frozen=True)
class Partitioning:
    """How pairs are parted.

    Attributes:
        partitions: how many there are.
        version: BY_UID or BY_DOMAIN.
    """

    partitions: int
    version: int = BY_UID

    def __call__(self, batch: pa.RecordBatch, split: SplitDomains = NO_SPLIT_DOMAINS) -> np.ndarray:
        """Returns int64[n], the staging partition of each row of a batch with LANGUAGE_SCHEMA's columns."""
        check(batch, LANGUAGE_SCHEMA, where="download")
        if self.version == BY_UID:
            return partition_of(batch.column("uid"), self.partitions)
        return self.of_urls(batch.column("url"), split)

    def of_urls(self, urls: pa.Array, split: SplitDomains) -> np.ndarray:
        """Returns int64[n], the partition of each URL, by domain."""
        domains = registered_domains(urls)
        encoded = pc.dictionary_encode(domains)
        is_split = np.array([name is None or name in split for name in [*encoded.dictionary.to_pylist(), None]], bool)
        indices = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        by_url = pa.array(is_split[indices])
        return self.of_texts(pc.if_else(by_url, urls.cast(pa.large_string()), domains))

    def of_texts(self, texts: pa.Array) -> np.ndarray:
        """Returns int64[n], the partition that each text's digest leads to."""
        numbers = np.frombuffer(digests(texts).tobytes(), "<u8")[::2]
        return (numbers % np.uint64(self.partitions)).astype(np.int64)

    def earlier_partitions(self, urls: pa.Array, split: SplitDomains) -> set[int]:
        """Returns the partitions that held some of the URLs before their domains were split."""
        if self.version == BY_UID or not split.later:
            return set()
        domains = [name for name in registered_domains(urls).unique().to_pylist() if name in split.later]
        return set(self.of_texts(pa.array(domains, pa.large_string())).tolist())


def read_split_domains(folder: RunFolder) -> SplitDomains:
    """Returns the folder's split domains.

    Raises:
        RunFolderError: the file is damaged.
    """
    content = folder.read_json(SPLIT_DOMAINS, remedy=_REMEDY)
    if content is None:
        return NO_SPLIT_DOMAINS
    names: list[Any] = [content.get(key) for key in ("first", "later")] if isinstance(content, dict) else [None]
    if not all(isinstance(one, list) and all(isinstance(name, str) for name in one) for one in names):
        raise RunFolderError(f"{folder.path(SPLIT_DOMAINS)}: is damaged; {_REMEDY}")
    return SplitDomains(*map(frozenset, names))


def add_split_domains(folder: RunFolder, domains: Iterable[str]) -> SplitDomains:
    """Adds domains to those that are split, and writes them where that changes anything; returns all of them."""
    known = read_split_domains(folder)
    new = frozenset(name for name in domains if name not in known)
    if not new:
        return known
    if StagingListing(folder).numbers:
        known = SplitDomains(known.first, known.later | new)
    else:
        known = SplitDomains(known.first | new, known.later)
    folder.write_json(SPLIT_DOMAINS, {"first": sorted(known.first), "later": sorted(known.later)})
    return known
