"""The whole run: every check in order, the plan, and its execution."""
