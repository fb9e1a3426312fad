"""Columns that recipes name: made before the download of texts, after scoring of images and pairs; and conditions.

text_columns, image_columns   the stages of these names
making                        one batch's values: looked up, made where missing, stored, decided by
early_conditions              conditions that decide at the end of the stage that makes their column
kinds                         what `by` may say: the table to add a kind to
resolved                      the makers of a recipe's columns, checked before a run
calls/                        functions of the user's own, in a process of their own
"""
