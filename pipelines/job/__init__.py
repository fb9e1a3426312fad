"""The whole run: checks, plan, execution.

run, plan, execute   `run` is `execute(plan_run(...))`; `RunPlan` is what `plan_run` makes
checks               what can be wrong before a run starts, a check each
curate               every stage in order, as one transform
telling              how far a run is and how long its stages took, into its folder
embedding_stores     where embeddings lie that a recipe writes or compares
facts                what the manifest, the report and the card state of a run
versions, decoders   the software that shapes what a run writes; whether a folder's decoders were always the same
frequent_ngrams      the job behind `babelsift ngrams`

Replay, demo and the commands may import from here.
"""
