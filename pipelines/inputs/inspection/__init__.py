"""What a file of the input holds, as its footer or its beginning says: a module a format, and what they share.

`inspect_file` chooses among them; `plan` takes what they found.
"""
