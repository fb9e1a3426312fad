"""Removes duplicates: of pairs, near-duplicate captions, images, near-duplicate images, meanings.

    pairs/     equal pairs, URLs or captions, and pairs of earlier datasets: `DedupPairs`
    captions/  near-duplicate captions, which `DedupPairs` finds where a recipe asks for it
    images/    equal and near-duplicate images, of this run and of earlier ones: `DedupImages`
    semantic/  images whose CLIP embeddings lie near one another: `DedupSemantic`
    duplicates_table, removal_rates: what the stages that compare images say of what they removed

A room gives away what its `__init__` names. Decontamination may use these rooms; no other stage does.
"""
