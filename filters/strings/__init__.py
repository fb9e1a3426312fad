"""Strings below the level of a rule: code points, scripts, tokens, compiled patterns, substring search."""
