"""What `make lint` checks beside ruff: contracts between rooms, types, names that are ours to judge."""
