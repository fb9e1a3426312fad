"""The presets, one YAML file each, and how a recipe is found by name or by path."""
