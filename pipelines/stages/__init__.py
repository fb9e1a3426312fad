"""One module or room a stage, in data-flow order:

read, rules, language, frequency, concept_matching, dedup.pairs, download or img2dataset_folder
(which img2dataset_download may have made), image_rules,
decontaminate.by_hash, dedup.images, score, decontaminate.by_embedding, dedup.semantic, select, balance, shard,
report. No stage imports another, but for decontaminate, which compares hashes as dedup does.
"""
