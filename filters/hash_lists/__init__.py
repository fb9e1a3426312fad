"""Lists of known images: which image is on one, by the digests of its bytes or by its PDQ hash."""

from babelsift.filters.hash_lists.hash_list import ALGORITHMS, NO_LISTS, HashList, HashLists, ImageHashColumns
from babelsift.filters.hash_lists.parse import DIGEST_BYTES, HashListError, ListEntries, parse_hash_list

__all__ = [
    "ALGORITHMS",
    "DIGEST_BYTES",
    "NO_LISTS",
    "HashList",
    "HashListError",
    "HashLists",
    "ImageHashColumns",
    "ListEntries",
    "parse_hash_list",
]
