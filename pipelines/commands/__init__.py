"""Subcommands of `babelsift` that look at a finished run; each module adds one to the parser."""
