"""What an image's own metadata says of data mining: PLUS' Data Mining property in its XMP packets.

Source: IPTC Photo Metadata Standard 2023.1 and PLUS LDF 2.0.1, `plus:DataMining`; its vocabulary is at
ns.useplus.org/ldf/vocab.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from babelsift.filters.strings.xmp_text import xmp_texts

_PROPERTY = b"DataMining"
# The vocabulary's terms begin so, and nothing else does: an attribute, an element's text and a resource read alike.
_TERM = re.compile(r"\bDMI-[A-Z]+(?:-[A-Z]+)*", re.IGNORECASE)
_PROHIBITED = "DMI-PROHIBITED"


def prohibited_data_mining(xmp: Iterable[bytes]) -> str | None:
    """Returns the term of PLUS' vocabulary by which XMP packets prohibit training, or None.

    Every term that prohibits counts: those for generative training alone, and those that name an exception that is not
    training, too. `DMI-ALLOWED` and `DMI-UNSPECIFIED` prohibit nothing; beside a term that does they change nothing.

    Args:
        xmp: the packets, in any of XMP's encodings.

    >>> prohibited_data_mining([b'<r plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING"/>'])
    'DMI-PROHIBITED-AIMLTRAINING'
    """
    for text in xmp_texts(xmp, naming=_PROPERTY):
        terms = (term.upper() for term in _TERM.findall(text))
        if (prohibiting := next((term for term in terms if term.startswith(_PROHIBITED)), None)) is not None:
            return prohibiting
    return None
