"""A recipe on what a finished run has stored: no web, no model, no shards.

dry_run                                        what a recipe would keep; from here import `dry_run` and `DryRun`
compare                                        where two recipes differ; `compare_recipes`, `format_comparison`
stored_pairs, stored_languages, stored_scores  replace the stages that would read, identify, download and score

The commands may import from here.
"""
