"""Functions of the user's own, in a process of their own.

call_maker     who asks: starts the process, bounds each call, and makes columns of the answers
call_process   what the process does: imports, sets up, calls
"""
