"""Scores pairs by CLIP models and by heads on their embeddings."""
