"""The run folder: paths, whole files, lock, manifest, fingerprints, layout of shards. No Beam."""
