"""Timing, processes of their own, and outcomes that print as tables."""
