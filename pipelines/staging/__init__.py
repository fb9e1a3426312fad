"""Work paid for once: images, scores and embeddings of staging shards."""
