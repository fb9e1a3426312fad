"""Selects pairs by similarity: conditions, fractions, minimums and their backfill."""
