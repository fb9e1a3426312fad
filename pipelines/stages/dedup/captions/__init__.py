"""Near-duplicate captions: candidates by MinHash, each verified by its Jaccard similarity."""

from babelsift.pipelines.stages.dedup.captions.compared_captions import EQUAL_PAIRS, SelectCompared
from babelsift.pipelines.stages.dedup.captions.find_near_captions import FindNearCaptions
from babelsift.pipelines.stages.dedup.captions.near_verdicts import NearVerdicts

__all__ = ["EQUAL_PAIRS", "FindNearCaptions", "NearVerdicts", "SelectCompared"]
