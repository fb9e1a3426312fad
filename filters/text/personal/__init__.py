"""Personal data in captions: addresses, numbers of phones, cards, accounts and people; found, refused or masked."""

from babelsift.filters.text.personal.personal_data import (
    KINDS,
    count_personal_data,
    find_personal_data,
    is_free_of_personal_data,
    mask_personal_data,
)

__all__ = ["KINDS", "count_personal_data", "find_personal_data", "is_free_of_personal_data", "mask_personal_data"]
