"""Stage download by img2dataset itself: the list of URLs that it may ask, its options, and running it.

What it makes of the list is imported as any folder of img2dataset's is, by `stages.img2dataset_folder`.
"""
