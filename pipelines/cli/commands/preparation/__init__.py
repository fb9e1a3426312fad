"""Commands that come before a run.

recipes      the presets; showing, checking and describing recipes
models       fetches a recipe's models
train_head   trains a head on a run's embeddings
hash         hashes an evaluation set
ngrams       the most frequent n-grams of all captions
"""
