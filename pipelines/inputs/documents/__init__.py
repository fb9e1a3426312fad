"""Interleaved documents, as OBELICS and MMC4 have them: their images as rows, each with the texts around it.

`layouts` tells such files from tables of pairs; `neighbours` finds the texts; `document_rows` makes the rows.
"""
