"""Columns that an input carries beside URL and text: `types` decides them once over all files, `json_kind` by what JSON
records hold; `values` converts.
"""
