"""Ours beside its peers: `make bench` runs every benchmark, `make bench ONLY=name` one; they are no tests."""
