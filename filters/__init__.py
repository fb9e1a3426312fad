"""Pure functions over Arrow arrays, and the small models they use; nothing here imports Beam."""
