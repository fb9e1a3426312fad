"""Applies a recipe's rules, and turns the first one that a row fails into a reason."""
