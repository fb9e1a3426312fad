"""The rows of a CSV file by a grammar over its whole text, to hold the reader to."""

import re


def rfc_4180_rows(text, delimiter):
    """Lines, less new lines inside proper quotes, less blank lines: by a grammar over the whole text."""
    field = (
        rf'(?:"(?:[^"]|"")*"(?=[{delimiter}\r\n]|\Z)|[^"{delimiter}\r\n][^{delimiter}\r\n]*|(?=[{delimiter}\r\n]|\Z))'
    )
    record = re.compile(rf"{field}(?:{delimiter}{field})*(?:\r\n|\n|\r|\Z)")
    line = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
    place = rows = 0
    while place < len(text):
        match = record.match(text, place) or line.match(text, place)
        rows += match.group() not in ("\n", "\r\n", "\r")
        place = match.end()
    return rows
