"""Columns that an input carries beside URL and text: `types` decides them once over all files, `values` converts."""
