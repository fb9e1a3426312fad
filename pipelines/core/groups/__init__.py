"""What is decided over all rows of a group, in Beam, without gathering a group in one place.

lowest_per_digest   exact deduplication: the row that is kept of each digest; `pair_digests` makes the digests
bottom_k            the lowest members of each group
radix_select        the key at a rank of each group
look_up             rows in tables that lie by partition, in place of side inputs that would grow
decide_linked       rows that are linked in pairs: what hangs together in one place
co_group            elements of several collections by partition, as CoGroupByKey
combine_packed      packed arrays merged a partition before they are grouped

Stages import from these modules; they may import the rest of `core`.
"""
