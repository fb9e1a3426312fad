"""The templates of the report: HTML is escaped, always; Markdown is escaped by the filters that its template names."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from babelsift.pipelines.rendering.number_format import (
    clipped,
    count_text,
    duration_text,
    month_text,
    number_text,
    share_text,
    shown,
    size_text,
)


def code_span(text: str) -> str:
    """Returns a text as a Markdown code span that is safe in a table cell."""
    plain = " ".join(shown(text).split()).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain else ""


def markdown_text(text: str) -> str:
    """Returns a text as one line of Markdown in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]<>|#~!&$])", r"\\\1", " ".join(shown(text).split()))


def breakable(name: str) -> Markup:
    """Returns a name as HTML that a narrow page breaks behind underscores, and nowhere else.

    >>> breakable("too_few_words")
    Markup('too_<wbr>few_<wbr>words')
    """
    return Markup("_<wbr>").join(name.split("_"))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("babelsift.pipelines.rendering", "templates"),
        autoescape=lambda name: name is None or not name.endswith((".md", ".css")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count=count_text,
        share=share_text,
        size=size_text,
        duration=duration_text,
        month=month_text,
        number=number_text,
        shown=shown,
        breakable=breakable,
        clipped=clipped,
        code=code_span,
        markdown=markdown_text,
    )
    return environment


ENVIRONMENT = _environment()
