"""The run folder: what lies where, who may write, what made it, and how a product is replaced. No Beam.

folder, paths          the folder as everybody opens it; names of its files and folders
writers/               who may write: a folder becomes ours, one run at a time; fence: only the newest run commits
manifest               what was fixed when the folder was made, and what made its latest contents
commit_marks           what a damaged mark of a finished part is taken for
fingerprints           what shaped each stage's output; shaping_settings: which download settings do
product, replacement   what a finished product is; replacing one so that a kill is mended by the same command
progress/              how far a run is, as its processes tell in files, and the view of it
shard_layout           folders, names and keys of final shards
finished_run           run folders of earlier runs, which are read and never changed

Every room above may import from these modules.
"""
