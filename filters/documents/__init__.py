"""Documents of people in images: what the lines of text that an image shows say that it is.

evidence      which signs of a passport, a card, a mail, a curriculum vitae the lines have
mrz           the lines that machines read on passports and identity cards
phrases.yaml  the words of each kind, by language
"""

from babelsift.filters.documents.evidence import KINDS, DocumentEvidence, document_evidence
from babelsift.filters.documents.mrz import MachineReadableZone, find_mrz

__all__ = ["KINDS", "DocumentEvidence", "MachineReadableZone", "document_evidence", "find_mrz"]
