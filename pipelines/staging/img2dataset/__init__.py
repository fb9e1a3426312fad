"""What img2dataset downloaded, as staging: within a run, or before it.

status         img2dataset's statuses and our reasons
imported_rows  rows of an imported img2dataset folder
listed_urls    lists for img2dataset, where that downloads within a run
empty_shards   shards that fill gaps in the numbering

Stages, job, replay and inspection may import these modules.
"""
