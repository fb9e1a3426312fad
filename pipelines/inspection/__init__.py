"""Looks at a finished run: status, why, concepts, subset. No Beam."""
