"""Downloads images into staging shards, one partition at a time."""
