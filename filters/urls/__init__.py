"""Rules on URLs: their length, scheme, host and shape; lists of hosts and suffixes; the canonical form."""

from babelsift.filters.urls.canonical import (
    canonical_urls,
)
from babelsift.filters.urls.hosts import (
    is_not_on_blocked_host,
    is_not_on_blocked_suffix,
    is_on_allowed_host,
    is_on_allowed_suffix,
    is_public_suffix,
    parse_hosts,
    public_suffix,
    registered_domains,
    url_suffixes,
)
from babelsift.filters.urls.rules import (
    count_url_characters,
    has_allowed_scheme,
    has_host,
    has_max_url_characters,
    host_name,
    trim_urls,
    url_hosts,
    url_schemes,
)
from babelsift.filters.urls.shape import (
    comparable_urls,
    find_non_photo,
    is_not_non_photo,
    is_not_opted_out,
    parse_urls,
)

__all__ = [
    "canonical_urls",
    "comparable_urls",
    "count_url_characters",
    "find_non_photo",
    "has_allowed_scheme",
    "has_host",
    "has_max_url_characters",
    "host_name",
    "is_not_non_photo",
    "is_not_on_blocked_host",
    "is_not_on_blocked_suffix",
    "is_not_opted_out",
    "is_on_allowed_host",
    "is_on_allowed_suffix",
    "is_public_suffix",
    "parse_hosts",
    "parse_urls",
    "public_suffix",
    "registered_domains",
    "trim_urls",
    "url_hosts",
    "url_schemes",
    "url_suffixes",
]
