"""Which documents of people lines of text are of, by how many signs: readers of text err, so no sign stands alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import pyarrow as pa
import yaml

from babelsift.filters.documents.mrz import find_mrz
from babelsift.filters.text.personal import KINDS as PERSONAL_DATA
from babelsift.filters.text.personal import count_personal_data

KINDS = ("passport", "identity_document", "payment_card", "email_screenshot", "cv")  # the first that is one holds
_ENOUGH = {"passport": 3, "identity_document": 3, "payment_card": 2, "email_screenshot": 3, "cv": 4}
_LONGEST_LABEL = 60  # of a line without blanks: what is longer is prose
_MORE_THAN_A_HEADING = 8
_SHORTEST_WITHIN = 5  # a shorter phrase has to be the whole line, or stand before a colon
_EXPIRY = re.compile(r"(?<!\d)(?:0[1-9]|1[0-2])/(?:\d\d|20\d\d)(?![\d/])")


@dataclass(frozen=True)
class DocumentEvidence:
    """What speaks for each kind of document.

    Attributes:
        signs: how many signs of each of KINDS there are.
        personal: how many data of each of `text.personal.KINDS` there are.
    """

    signs: Mapping[str, int]
    personal: Mapping[str, int]

    @property
    def kind(self) -> str | None:
        """The kind that has enough signs, None where none has."""
        return next((kind for kind in KINDS if self.signs[kind] >= _ENOUGH[kind]), None)


def document_evidence(lines: Sequence[str]) -> DocumentEvidence:
    """Returns the signs of documents in the lines of text that an image shows.

    Args:
        lines: from top to bottom, with or without the blanks between words.

    >>> lines = ["From: Ann <ann@example.com>", "To: Bob", "Subject: Rent", "Dear Bob,"]
    >>> document_evidence(lines).kind, document_evidence(["Passport to Peru", "a novel"]).kind
    ('email_screenshot', None)
    """
    text = pa.array(["\n".join(lines)])
    personal = {kind: count_personal_data(text, kind=kind)[0].as_py() for kind in PERSONAL_DATA}
    plain = [_plain(line) for line in lines]
    zone = find_mrz(lines)
    checks = {True: 0, False: 0}
    if zone is not None:
        checks[zone.is_passport] = zone.checks
    phrases = _phrases()
    fields = _count(phrases["fields"], plain)
    titles = {kind: _is_any_in(phrases[kind], plain) for kind in ("passport", "identity_document")}
    numbers = personal["national_numbers"]
    signs = {
        "passport": checks[True] + titles["passport"] + (fields if titles["passport"] or checks[True] else 0),
        "identity_document": checks[False] + titles["identity_document"] + bool(numbers),
        "payment_card": _card_signs(lines, plain, personal["payment_cards"]),
        "email_screenshot": _mail_signs(lines, plain, personal["emails"]),
        "cv": _cv_signs(plain, personal),
    }
    signs["identity_document"] += fields if signs["identity_document"] else 0
    return DocumentEvidence(signs, personal)


def _card_signs(lines: Sequence[str], plain: Sequence[str], cards: int) -> int:
    """A card's number and anything else of it, or three things that are only on cards."""
    phrases = _phrases()
    more = _is_any_in(phrases["card_words"], plain) + _is_any_in(phrases["card_validity"], plain)
    more += any(_EXPIRY.search(line) for line in lines)
    return bool(cards) + more if cards else max(more - 1, 0)


def _mail_signs(lines: Sequence[str], plain: Sequence[str], addresses: int) -> int:
    """Headers of one language before a colon; an address and buttons count beside two of them."""
    labels = {_plain(line.replace("：", ":").partition(":")[0]) for line in lines if ":" in line or "：" in line}
    phrases = _phrases()
    headers = max(len(labels & set(language)) for language in phrases["mail_headers"])
    if not addresses and labels.isdisjoint(phrases["mail_subjects"][0]):
        return min(headers, 1)
    return headers + bool(addresses) + _is_any_in(phrases["mail_buttons"], plain) if headers >= 2 else headers


def _cv_signs(plain: Sequence[str], personal: Mapping[str, int]) -> int:
    """Headings of sections, of which each row counts once; a title and a contact beside two of them."""
    phrases = _phrases()
    sections = sum(_is_any_in([row], plain, heading=True) for row in phrases["cv_sections"])
    title = _is_any_in(phrases["cv_titles"], plain, heading=True)
    contact = bool(personal["emails"] or personal["phone_numbers"])
    return sections + title + contact if sections >= 2 else sections


def _count(rows: Iterable[Sequence[str]], plain: Sequence[str]) -> int:
    """How many phrases of the language that has most."""
    return max(sum(_is_in(phrase, plain) for phrase in row) for row in rows)


def _is_any_in(rows: Iterable[Sequence[str]], plain: Sequence[str], *, heading: bool = False) -> bool:
    return any(_is_in(phrase, plain, heading=heading) for row in rows for phrase in row)


def _is_in(phrase: str, plain: Sequence[str], *, heading: bool = False) -> bool:
    """Whether a line shows a phrase: as a label within it, or, as a heading, with little else."""
    if heading:
        return any(line.startswith(phrase) and len(line) <= len(phrase) + _MORE_THAN_A_HEADING for line in plain)
    if len(phrase) < _SHORTEST_WITHIN and phrase.isascii():
        return any(line.startswith(phrase) and len(line) <= len(phrase) + _MORE_THAN_A_HEADING for line in plain)
    return any(phrase in line for line in plain if len(line) <= _LONGEST_LABEL)


def _plain(text: str) -> str:
    """Letters and digits alone, without case, accents and blanks."""
    apart = unicodedata.normalize("NFKD", text.replace("ı", "i").replace("ł", "l").casefold())
    return "".join(sign for sign in apart if sign.isalnum())


@cache
def _phrases() -> dict[str, list[list[str]]]:
    read: dict[str, Any] = yaml.safe_load(resources.files(__package__).joinpath("phrases.yaml").read_text("utf-8"))
    rows = {name: entries if isinstance(entries[0], list) else [entries] for name, entries in read.items()}
    return {name: [[_plain(str(phrase)) for phrase in row] for row in entries] for name, entries in rows.items()}
