"""Beam transforms, one module a stage in data-flow order; the jobs; the command line."""
