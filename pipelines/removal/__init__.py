"""Removing pairs and images from a run folder on request, so that nothing of them is left and no later run brings them.

remove         the command's steps, in their order
requests       the lists of URLs, domains, uids and hashes that a user gives
find           which pairs and images of the folder they mean, copies of equal pixels among them
swap           several files replaced together, so that a kill at any moment is mended
tars           a tar without some of its samples
staged         staging: images, imported rows, lists of URLs
derived        staging: scores, embeddings, columns' values
ledger         the ledger, and the funnel that follows from it and the shards
shards         final shards
product        the new version of the product

Nothing here reads the input, or asks the web or a model for anything.
"""
