"""Hash lists: reading them, the hashes of images that they ask for, and what staging keeps of an image on one."""

from babelsift.pipelines.staging.hash_lists.image_hashes import (
    HASH_COLUMNS,
    digests_as_listed,
    hashes_of_body,
    is_unhashed,
    stored_hashes,
    with_listed,
)
from babelsift.pipelines.staging.hash_lists.read_lists import read_hash_lists
from babelsift.pipelines.staging.hash_lists.withheld import as_withheld, withheld_urls

__all__ = [
    "HASH_COLUMNS",
    "as_withheld",
    "digests_as_listed",
    "hashes_of_body",
    "is_unhashed",
    "read_hash_lists",
    "stored_hashes",
    "with_listed",
    "withheld_urls",
]
