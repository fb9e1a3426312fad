"""Leaves out images that are in evaluation sets, by hash and by embedding."""
