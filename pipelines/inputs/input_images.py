"""Images that an input brings itself, as bytes: of each row its URL, by which its pairs find the image again."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

_NO_HOST = "input.invalid"  # a name that can never be one of a host (RFC 2606)


@dataclass(frozen=True)
class InputImage:
    """An image of the input.

    Attributes:
        url: of the row's pairs.
        body: the file; None: there is none that can be taken.
        problem: why there is none.
    """

    url: str
    body: bytes | None
    problem: str = ""


def url_of_bytes(source: str, key: str | int) -> str:
    """Returns the URL of an image that has none: it names the file and the row, and leads nowhere.

    Args:
        source: path of the file within the input.
        key: of the row in it.

    >>> url_of_bytes("train-0.parquet", 17)
    'https://input.invalid/train-0.parquet/17'
    """
    return f"https://{_NO_HOST}/{quote(source)}/{quote(str(key))}"
