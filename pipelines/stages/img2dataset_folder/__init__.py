"""Replaces downloading: takes images from a folder that img2dataset wrote.

scan                imports the rows of shards that are new or changed: `plan_import`, `ImportShards`
shard, tar, table   one shard of the folder, its tar and its table
match_pairs         matches the input's pairs to the imported rows: `ReuseStaged`

The job and replay may import from `scan` and `match_pairs`.
"""
