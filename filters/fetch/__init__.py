"""Fetching image bytes safely: which addresses may be reached, and a client that reaches no others."""

from filters.fetch.address import AddressPolicy
from filters.fetch.client import Fetched, ImageClient, user_agent
from filters.fetch.failure import FetchFailureError
from filters.fetch.opt_out import opt_out_directive

__all__ = ["AddressPolicy", "FetchFailureError", "Fetched", "ImageClient", "opt_out_directive", "user_agent"]
