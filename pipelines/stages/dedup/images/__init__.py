"""Image dedup: equal bytes or pixels, and near perceptual hashes; decontamination compares by the same means."""

from babelsift.pipelines.stages.dedup.images.dedup_images import DedupImages
from babelsift.pipelines.stages.dedup.images.duplicate_images import DuplicateImages, KeptInstead
from babelsift.pipelines.stages.dedup.images.find_duplicate_images import FindDuplicateImages
from babelsift.pipelines.stages.dedup.images.image_hashes import EARLIER_RANK, hash_rows, with_ranks
from babelsift.pipelines.stages.dedup.images.look_up_duplicates import LookUpDuplicates, earlier_uids

__all__ = [
    "EARLIER_RANK",
    "DedupImages",
    "DuplicateImages",
    "FindDuplicateImages",
    "KeptInstead",
    "LookUpDuplicates",
    "earlier_uids",
    "hash_rows",
    "with_ranks",
]
