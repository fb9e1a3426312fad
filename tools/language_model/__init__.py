"""Makes filters/language/ngrams.npz: how much n-grams and words speak for each language, learned from free texts."""
