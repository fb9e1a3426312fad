"""Fetching image bytes safely: which addresses may be reached, and sessions of a client that reaches no others.

The client itself is `babelsift.pipelines.fetch.client.ImageClient`; aiohttp, which it needs, is imported with it alone.
"""

from babelsift.pipelines.fetch.answers import URLS_A_SLOT, Answer
from babelsift.pipelines.fetch.failure import FetchFailureError
from babelsift.pipelines.fetch.fetched import Fetched
from babelsift.pipelines.fetch.resolving.address import AddressPolicy
from babelsift.pipelines.fetch.session import FetchSession

__all__ = [
    "URLS_A_SLOT",
    "AddressPolicy",
    "Answer",
    "FetchFailureError",
    "FetchSession",
    "Fetched",
]
