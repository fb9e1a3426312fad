"""All pairs of a run as one table in memory, kept and rejected: what is filtered, counted and searched. No server.

load       shards and ledger side by side, with what staging knows of either
made       what models and functions said of rejected pairs
columns    a table's columns as facets and numbers, made when they are first asked for
query      which rows a person wants to see, as the page says it
selection  the rows of a query, from masks that are kept
summaries  counts of facets and histograms under a query
search     texts, in any script, by what they contain
"""
