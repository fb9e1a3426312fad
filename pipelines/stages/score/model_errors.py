"""What a model says of a pair that it cannot score, and the columns in which that waits for `split_unscorable`."""

from __future__ import annotations

import pyarrow as pa

from babelsift.schemas import RejectReason, similarity_column

# How an error of a model begins: the reason that it is.
UNSCORABLE = {"image:": RejectReason.UNSCORABLE_IMAGE, "caption:": RejectReason.UNSCORABLE_CAPTION}

# A column's name that neither a stage nor a model nor an input can have: carried columns cannot begin like it.
_OWN, _ERROR = similarity_column(""), ".error"


def error_column(name: str) -> str:
    """Returns the name of the column of a model's errors.

    Args:
        name: the model's or classifier's.
    """
    return f"{_OWN}{name}{_ERROR}"


def error_columns(batch: pa.RecordBatch) -> list[str]:
    """Returns the names of a batch's columns of errors, in their order."""
    return [name for name in batch.schema.names if name.endswith(_ERROR) and name.startswith(_OWN)]
