"""The whole run: checks, plan, execution.

run, plan, execute   `run` is `execute(plan_run(...))`; `RunPlan` is what `plan_run` makes
checks               what can be wrong before a run starts, a check each
curate               every stage in order, as one transform
telling              how far a run is and how long its stages took, into its folder
embedding_stores     where embeddings lie that a recipe writes or compares
record/              what a run records of itself: facts, versions, its receipt
share                a share of a run's downloads and scores, beside others'
from_python          a run by plain values, as a script starts it
img2dataset_steps    downloading by img2dataset within a run
fetch_models         the job behind `babelsift models`
frequent_ngrams      the job behind `babelsift ngrams`

Replay, demo and the commands may import from here.
"""
