"""Perceptual hashes of images; import them from `babelsift.filters.image`."""
