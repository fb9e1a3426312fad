"""How an image came to be, by IPTC's digital source type: in its XMP packets or its C2PA manifests.

Source: IPTC Photo Metadata Standard 2024.1, `Iptc4xmpExt:DigitalSourceType`; the vocabulary is at
cv.iptc.org/newscodes/digitalsourcetype. C2PA's actions name the same terms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from babelsift.filters.provenance.c2pa_strings import c2pa_strings
from babelsift.filters.strings.xmp_text import xmp_texts

# Made by an algorithm, or with a part that is.
GENERATED = frozenset(
    (
        "trainedAlgorithmicMedia",
        "compositeWithTrainedAlgorithmicMedia",
        "compositeSynthetic",
        "algorithmicMedia",
        "trainedAlgorithmicData",
    )
)
NOT_GENERATED = frozenset(
    (
        "digitalCapture",
        "computationalCapture",
        "compositeCapture",
        "negativeFilm",
        "positiveFilm",
        "print",
        "humanEdits",
        "minorHumanEdits",
        "algorithmicallyEnhanced",
        "digitalCreation",
        "digitalArt",
        "softwareImage",
        "dataDrivenMedia",
        "screenCapture",
        "virtualRecording",
        "composite",
    )
)
_TERMS = {term.lower(): term for term in GENERATED | NOT_GENERATED}
_PROPERTY = b"DigitalSource"
# An attribute, an element's text, or its resource.
_VALUE = re.compile(
    r"DigitalSource(?:File)?Type(?:\s+rdf:resource)?\s*(?:=\s*[\"']|>(?:\s*<rdf:\w+>){0,3})\s*([^\"'<>\s]{1,200})",
    re.IGNORECASE,
)
_ENDING = re.compile(r"(?:.*[/:#])?([A-Za-z]{3,60})/?")


def digital_source_type(xmp: Iterable[bytes], c2pa: bytes = b"") -> str | None:
    """Returns the term of IPTC's vocabulary that an image's metadata has, or None.

    Of several, one by which the image is generated holds: an ingredient's counts for what is made with it. A term that
    the vocabulary does not have yet is returned as it is.

    Args:
        xmp: the packets, in any of XMP's encodings.
        c2pa: the JUMBF box of a manifest store.

    >>> digital_source_type([b'<r I:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"/>'])
    'digitalCapture'
    """
    said = [value for text in xmp_texts(xmp, naming=_PROPERTY) for value in _VALUE.findall(text)]
    if c2pa:
        said += c2pa_strings(c2pa, b"digitalSourceType")
    endings = (_ENDING.fullmatch(value) for value in said)
    terms = [_TERMS.get(ending[1].lower(), ending[1]) for ending in endings if ending]
    return next((term for term in terms if term in GENERATED), terms[-1] if terms else None)
