"""The presets, a YAML file each. From `presets` import `load_recipe`, which finds a recipe by name or path, and
`preset_names`.
"""
