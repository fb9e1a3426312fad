"""URLs without what gives access: passwords, tokens and signatures, which must reach no file, page or log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

# Schemes in which `name@` before the first slash is a part of the address: a container, an organisation and repository.
_NO_USER_INFO = frozenset(("abfs", "abfss", "az", "wasb", "wasbs", "file", "git", "github", "hf", "local"))
# Names of query parameters, small letters and digits alone: of presigned URLs, and of what people call keys and tokens.
_SECRET_NAMES = frozenset(("sig", "sign", "auth", "authorization", "policy", "expires", "session", "hmac"))
_SECRET_BEGINNINGS = ("xamz", "xgoog", "xoss", "xobs", "xcos", "xtos", "qsign", "qak", "qkeytime", "qheaderlist")
_SECRET_ENDINGS = (
    *("signature", "token", "secret", "password", "passwd", "passphrase", "pwd", "jwt", "sessionid", "credential"),
    *("apikey", "accesskey", "secretkey", "accesskeyid", "accessid", "keypairid"),
)
# Azure's signed parameters, of which `sig` alone is secret and the others change with it.
_AZURE_SIGNED = frozenset(
    ("sv", "ss", "srt", "sp", "se", "st", "spr", "sr", "sip", "skoid", "sktid", "skt", "ske", "sks", "skv", "sdd")
)
_USER_INFO = re.compile(r"^[^/?#]*@")
_STARTS_AS_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_URL_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>`|\\]+")


def public_url(url: str) -> str:
    """Returns a URL without user-info and without the signatures, tokens and keys of its query; a path as it is.

    It names the same file whoever reads it and whenever its URL was signed, and opens it only where it is public.

    Args:
        url: a path or any fsspec URL, chained ones (`zip://a.csv::https://...`) too.

    Returns:
        The URL to write and to show.

    >>> public_url("https://ann:secret@example.org/a.csv?part=2&X-Amz-Signature=1f&X-Amz-Expires=60")
    'https://example.org/a.csv?part=2'
    >>> public_url("data/a?b.csv")
    'data/a?b.csv'
    """
    return "::".join(_public(link) for link in url.split("::")) if "://" in url else url


def product_path(url: str) -> str:
    """Returns what a product says of where a file or folder was: a URL as `public_url` has it, of a path its last part.

    A product goes to others, who have no use for the folders of the machine that made it.

    >>> product_path("/home/ann/data/pairs.parquet"), product_path("s3://bucket/pairs/*.parquet")
    ('pairs.parquet', 's3://bucket/pairs/*.parquet')
    """
    if "://" in url and not url.startswith(("file://", "local://")):
        return public_url(url)
    return url.rstrip("/").rpartition("/")[2] or url


def public_text(text: str) -> str:
    """Returns a text in which every URL is as `public_url` has it.

    >>> public_text("cannot read 'https://ann:secret@example.org/a.csv': 503")
    "cannot read 'https://example.org/a.csv': 503"
    """
    return _URL_IN_TEXT.sub(lambda match: public_url(match.group()), text) if "://" in text else text


def public_values(value: Any) -> Any:
    """Returns plain values, as JSON has them, in which every URL is as `public_url` has it.

    >>> public_values({"entries": "https://ann:secret@example.org/a.json", "most": 3})
    {'entries': 'https://example.org/a.json', 'most': 3}
    """
    if isinstance(value, str):
        return public_url(value) if _STARTS_AS_URL.match(value) else public_text(value)
    if isinstance(value, Mapping):
        return {key: public_values(inner) for key, inner in value.items()}
    return [public_values(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _public(link: str) -> str:
    scheme, mark, rest = link.partition("://")
    if not mark:
        return link
    if scheme.lower() not in _NO_USER_INFO:
        rest = _USER_INFO.sub("", rest)
    address, mark_of_query, query = rest.partition("?")
    if mark_of_query:
        query = _without_secrets(query)
    return scheme + mark + address + ("?" + query if query else "")


def _without_secrets(query: str) -> str:
    query, mark, fragment = query.partition("#")
    parameters = query.split("&")
    names = [_plain_name(parameter) for parameter in parameters]
    dropped = _AZURE_SIGNED if "sig" in names else frozenset()
    kept = [
        parameter
        for parameter, name in zip(parameters, names, strict=True)
        if name not in dropped and not _is_secret(name, parameter.partition("=")[2])
    ]
    return "&".join(kept) + mark + fragment


def _plain_name(parameter: str) -> str:
    name = unquote(parameter.partition("=")[0]).lower()
    return "".join(character for character in name if character.isalnum())


def _is_secret(name: str, value: str) -> bool:
    if name == "key":  # an API's, unless it names a file
        return "." not in value and "/" not in value
    return name in _SECRET_NAMES or name.startswith(_SECRET_BEGINNINGS) or name.endswith(_SECRET_ENDINGS)
