"""What is known of where an image comes from: under which licence it is published.

- `licenses`: licences by their short identifiers.
"""

from babelsift.filters.provenance.licenses import license_identifier, license_identifiers

__all__ = ["license_identifier", "license_identifiers"]
