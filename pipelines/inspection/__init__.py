"""Looks at a finished run, without Beam: a module a question.

status     what is done in a run folder, and what a recipe would do again; `status_of`
why        what became of a pair; `fates_of`
concepts   what balancing did to concepts; `concepts_of`
finished   a finished run for Python: its pairs, ledger and funnel; `open_run`
subset     the uids of the kept pairs as DataComp's tools take them; `write_subset`

The commands may import from here.
"""
