"""How far a run is.

files   what each process of a run has counted, in the run folder
exposition   the same for Prometheus
view    the stage that a run is at, rates, what became of downloads, and the account in time

The job and the commands may import these; workers begin to tell by `files`.
"""
