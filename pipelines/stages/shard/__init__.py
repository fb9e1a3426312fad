"""Writes the final shards, webdataset tars with their parquet, stats and embeddings."""
