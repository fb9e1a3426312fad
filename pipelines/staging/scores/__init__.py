"""Scores and embeddings in staging, a file a staging partition: paid for once, found again by uid.

score_store           scores and embeddings of a model, a chunk at a time
score_cleanup         removes embeddings that no chunk names
stored_embeddings     embeddings of some rows, read by byte range
embedding_checksums   whether an embedding file is the one that its table names

Stages and replay may import from these modules.
"""
