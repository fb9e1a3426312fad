"""The subcommands of `babelsift`; each module adds one to the parser and runs it."""
