"""Interleaved documents, as OBELICS and MMC4 have them: their images as rows, each with the texts around it.

`document_rows` tells such files from tables of pairs and makes the rows; `neighbours` finds the texts.
"""
