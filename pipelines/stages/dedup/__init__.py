"""Removes duplicates: of pairs, near-duplicate captions, images, near-duplicate images, meanings."""
