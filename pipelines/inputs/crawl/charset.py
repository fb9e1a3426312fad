"""A page's characters, by the encoding that its mark, its headers or itself name, as browsers decide it."""

from __future__ import annotations

import codecs
import re

_LOOKED_AT_BYTES = 1024
_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})"""
    rb"""|<\?xml[^>]{0,100}?encoding=["']([A-Za-z0-9_:.-]{2,40})""",
    re.IGNORECASE,
)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# What browsers read where a page names the narrower one (WHATWG's Encoding Standard).
_READ_AS = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "latin-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "utf-16": "utf-16-le",
    "utf-7": "cp1252",
}
_UTF8, _OTHERWISE = "utf-8", "cp1252"
# Encodings of a byte a character; of others so many bytes of UTF-8 are no chance.
_ONE_BYTE = ("cp125", "cp874", "iso8859", "koi8", "mac")
_MANY_BYTES = 16


def page_text(content: bytes, declared: str | None = None) -> str:
    """Returns a page's characters; bytes that are none become replacement characters.

    An encoding that is named wrongly is seen through where bytes leave no doubt: what is UTF-8 throughout is UTF-8, and
    what is none is in the other encoding that is named, if it is that throughout.

    Args:
        content: the page.
        declared: the encoding that the Content-Type header names.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    match = _DECLARED.search(content[:_LOOKED_AT_BYTES])
    own = (match.group(1) or match.group(2)).decode() if match else None
    all_named = [codec for codec in (_codec(declared), _codec(own)) if codec]
    named = all_named[0] if all_named else None
    # A page that can name its encoding in ASCII is not in UTF-16, whatever it says.
    if named in (None, _UTF8) or (own and named and named.startswith("utf-16")):
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            # One bad byte, or a cut last character, does not make another encoding of UTF-8.
            is_utf8 = named == _UTF8 or error.start > len(content) - 4
            text = content.decode(_UTF8 if is_utf8 else _OTHERWISE, "replace")
            other = next((codec for codec in all_named if codec not in (_UTF8, named)), None)
            return text if other is None else _strict(content, other) or text
    assert named is not None
    return _surely_utf8(content, named) or content.decode(named, "replace")


def _strict(content: bytes, codec: str) -> str | None:
    """Returns the characters of bytes that are an encoding's throughout; None where any is not."""
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        return None


def _surely_utf8(content: bytes, named: str) -> str | None:
    """Returns the characters of a page that is UTF-8 although it names another encoding; None where it is not.

    Of bytes that mean something else each alone, none but UTF-8 makes valid UTF-8 by chance; of some pairs of an Asian
    encoding one in ten does.
    """
    if named.startswith(("utf-16", "iso2022")) or content.isascii():
        return None
    text = _strict(content, _UTF8)
    following = 0 if text is None else len(content) - len(text)
    return text if following >= (1 if named.startswith(_ONE_BYTE) else _MANY_BYTES) else None


def _codec(label: str | None) -> str | None:
    """Returns the codec for an encoding's name; None where there is none, or it makes no text of bytes."""
    try:
        info = codecs.lookup((label or "").strip().strip("\"'"))
    except (LookupError, ValueError):
        return None
    if not getattr(info, "_is_text_encoding", True):
        return None
    return _READ_AS.get(info.name, info.name)
