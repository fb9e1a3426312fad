"""One module a subcommand of `babelsift`: its options, its help, and the call behind it; `cli.main` gathers them.

preparation   what comes before a run: recipes, models, lists, hashes, heads
runs          making a run: curate and its dry run, the demo, a cluster's workers
run_folders   a run's folder: how far it is, what is in it, what is made of it
completion    the shell's completion of the command itself
"""
