"""Columns for babelsift's recipes.

The version is part of what their values are stored by: it is raised when the same caption or image would have another.
"""

__version__ = "1.0"
