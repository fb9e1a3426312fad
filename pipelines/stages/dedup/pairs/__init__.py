"""Pair dedup: equal pairs, URLs or captions, and pairs that earlier datasets have."""

from babelsift.pipelines.stages.dedup.pairs.dedup_pairs import DedupPairs

__all__ = ["DedupPairs"]
