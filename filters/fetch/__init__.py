"""Fetching image bytes safely: which addresses may be reached, and sessions of a client that reaches no others.

The client itself is `filters.fetch.client.ImageClient`; aiohttp, which it needs, is imported with it alone.
"""

from filters.fetch.address import AddressPolicy
from filters.fetch.answers import Answer
from filters.fetch.failure import FetchFailureError
from filters.fetch.fetched import Fetched
from filters.fetch.opt_out import opt_out_directive
from filters.fetch.session import FetchSession

__all__ = [
    "AddressPolicy",
    "Answer",
    "FetchFailureError",
    "FetchSession",
    "Fetched",
    "opt_out_directive",
]
