"""Any webdataset as an input: tars whose samples hold an image and texts, whatever wrote them.

`samples` walks a tar and groups its members as the package `webdataset` does; `records` makes rows of them.
"""
