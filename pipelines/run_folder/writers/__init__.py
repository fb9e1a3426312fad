"""Who may write in a run folder.

claim   a folder becomes a run folder
lock    one run at a time, on any file system
lease   who works in it, where no operating system holds a lock

Every room above may import from these modules.
"""
