"""Leaves out images that are in evaluation sets, by hash and by embedding. Compares by the means of `dedup`.

by_hash                 equal pixels and near hashes, before scoring: `Decontaminate`
by_embedding            near embeddings, after it: `DecontaminateEmbeddings`
evaluation_images       reads evaluation images and tables of their hashes; writes such tables
evaluation_embeddings   reads embeddings of evaluation images
"""
