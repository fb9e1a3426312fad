"""One module a subcommand of `babelsift`: its options, its help, and the call behind it; `cli.main` gathers them."""
