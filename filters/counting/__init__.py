"""Counts of n-grams and of distinct images a caption, in bounded memory."""
