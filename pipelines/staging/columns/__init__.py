"""Values of columns in staging, a file a staging partition: made once, found again by the digest of what they are of.

column_store   the values of one maker
digests        of texts, URLs, rows, images, pairs

Stages and replay may import from these modules.
"""
