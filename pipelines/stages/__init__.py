"""One module or room a stage, in data-flow order:

read, rules, language, frequency, metadata_matching, dedup (pairs), download or img2dataset_folder, image_rules,
decontaminate (by hash), dedup (images), score, decontaminate (by embedding), dedup (semantic), select, balance, shard,
report. No stage imports another, but for decontaminate, which compares hashes as dedup does.
"""
