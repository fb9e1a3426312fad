"""Selects pairs by similarity: thresholds, top fractions, conditions, caps."""
