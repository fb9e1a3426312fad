"""What is known of where an image comes from: under which licence it is published, and what has made it.

- `licenses`: licences by their short identifiers.
- `image_provenance`: what an image's own metadata says. `source_type`: IPTC's term. `generator`: the program's name or
  settings. `c2pa_strings`: texts in C2PA manifests, for both.
"""

from babelsift.filters.provenance.image_provenance import ImageProvenance, provenance_of
from babelsift.filters.provenance.licenses import license_identifier, license_identifiers
from babelsift.filters.provenance.source_type import digital_source_type

__all__ = [
    "ImageProvenance",
    "digital_source_type",
    "license_identifier",
    "license_identifiers",
    "provenance_of",
]
