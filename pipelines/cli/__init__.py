"""The `babelsift` command: argparse and printing, one module a subcommand."""
