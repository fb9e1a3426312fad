"""Concepts as MetaCLIP has them: which entries a caption matches, and balancing by their counts."""
