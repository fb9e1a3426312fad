"""Common Crawl's files, and any other WARC: the images of pages with the texts that stand for them.

`wat` reads the links that Common Crawl extracted, `warc` the pages themselves. Both give rows of fixed columns, one an
image; `archive` finds the records, and those after a damaged one; `links` makes URLs absolute; `opt_out` hears pages
that do not want to be indexed. The libraries come with the extra `crawl`.
"""
