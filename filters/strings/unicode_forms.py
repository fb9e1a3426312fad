"""Unicode normalisation of columns of strings."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]


def normalise(strings: pa.LargeStringArray, form: Form) -> pa.LargeStringArray:
    """Returns clean strings in a normalisation form (NFC, NFKC ...); nulls stay null.

    Not by `pc.utf8_normalize`: up to Arrow 25 its composed forms come out decomposed ("é" as two code points).

    Args:
        strings: large_string[n], nullable.
        form: NFC, NFD, NFKC or NFKD.

    >>> normalise(pa.array(["ﬁsh", None], pa.large_string()), "NFKC").to_pylist()
    ['fish', None]
    """
    wide = pc.fill_null(pc.invert(pc.string_is_ascii(strings)), False)
    if not pc.any(wide).as_py():
        return strings
    texts = [unicodedata.normalize(form, text) for text in strings.filter(wide).to_pylist()]
    return pc.replace_with_mask(strings, wide, pa.array(texts, pa.large_string()))
