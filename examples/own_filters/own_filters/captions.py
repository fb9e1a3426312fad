"""Columns of captions: Arrow arrays in, Arrow arrays out."""

import pyarrow as pa
import pyarrow.compute as pc


def shouting(captions: pa.Array) -> pa.Array:
    """Returns the share of capitals among each caption's letters; null where it has none.

    Args:
        captions: string[n], no nulls.
    """
    letters = pc.count_substring_regex(captions, r"\p{L}")
    capitals = pc.count_substring_regex(captions, r"\p{Lu}")
    shares = pc.divide(pc.cast(capitals, pa.float32()), pc.cast(letters, pa.float32()))
    return pc.if_else(pc.greater(letters, 0), shares, None)


shouting.version = 1
