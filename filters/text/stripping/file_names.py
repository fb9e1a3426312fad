"""Makes captions of file names that people wrote: takes extension, prefix and the camera's number off."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa

from babelsift.filters.strings import clean_strings, flatten
from babelsift.filters.text.filenames import EXTENSIONS, find_filename
from babelsift.filters.text.stripping.remains import count_telling_words, edit_rows, trim

_EXTENSION = re.compile(rf"(?i)\s*\.(?:{EXTENSIONS})(?:[?#]\S*|\s?\([^()]{{1,30}}\))?\s*$")
_NAMESPACE = re.compile(
    r"(?i)^\s*(?:file|image|datei|bild|fichier|archivo|ficheiro|bestand|plik|soubor|súbor|fil|tiedosto|fájl|fișier|dosya|"
    r"berkas|tập tin|файл|изображение|ファイル|画像|文件|파일)\s*[:：]\s*"
)
_FOLDERS = re.compile(r"^(?:\S*[/\\])+(?=\S)")
_CAMERA = re.compile(
    r"(?i)[\s_-]*\b(?:img|imgp|_?dsc[nfi]?|pict|cimg|hpim|mvi|pxl|sam|gopr|dji|p10)[\s_-]*[0-9]{3,}\b[\s_-]*$"
)
_LEADING_CAMERA = re.compile(
    r"(?i)^(?:img|imgp|_?dsc[nfi]?|pict|cimg|hpim|mvi|pxl|sam|gopr|dji)[\s_-]*[0-9]{3,}[\s_-]+"
)
# What hosts and galleries add to a name: a width, a size, a counter, a digest.
_THUMBNAIL = re.compile(
    r"^[0-9]{2,4}px-|[-_ ]+(?:[0-9]{2,5}x[0-9]{2,5}|[0-9]{2,5}px|zps[0-9a-z]{6,}|[0-9a-f]{12,}|w[0-9]{3,4})$"
)
_COUNTER = re.compile(r"^[0-9]{3,}[ ]+|[ ]+(?:[0-9]{1,2}|[0-9]{5,}|copy|edited)$")
_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:[01][0-9](?:[0-3][0-9])?)?\Z")
_SEPARATORS = re.compile(r"[_\s]+|(?<=\w)-+(?=\w)|-+_|_-+")
_MOST_ADDED = 2
_LIKELY = 2
_FEWEST_OF_TEXT, _FEWEST_OF_NAME = 2, 3
_DIGITS = re.compile(r"[0-9]")


def strip_filenames(captions: pa.Array) -> pa.LargeStringArray:
    """Takes extension, folders, `File:` and a camera's number off captions that are file names, and hyphens for blanks.

    A number of a camera at a caption's end goes too, in whatever caption. A name of which less than two words would be
    left, three where none was parted by blanks, stays as it is; so do dates.

    Args:
        captions: string[n], nullable.

    Returns:
        large_string[n], null where the caption is.

    >>> captions = ["pie with spoon.jpg", "File:Alice with sisters.jpg", "county sign IMG 2287.JPG", "IMG_2287.JPG"]
    >>> strip_filenames(pa.array(captions)).to_pylist()
    ['pie with spoon', 'Alice with sisters', 'county sign', 'IMG_2287.JPG']
    """
    points, strings = flatten(captions), clean_strings(captions)
    names = find_filename(captions).is_valid().to_numpy(zero_copy_only=False)
    dotted = points.count(points.values == ord(".")) * points.count(points.among(":\uff1a")) > 0
    likely = np.flatnonzero(((points.digits > _LIKELY) | dotted) & ~names)
    further = [
        row for row, text in zip(likely, strings.take(pa.array(likely)).to_pylist(), strict=True) if _is_named(text)
    ]
    rows = np.union1d(np.flatnonzero(names), np.array(further, np.int64))
    return edit_rows(strings, rows, _strip)


def _is_named(caption: str | None) -> bool:
    """Returns whether a caption that is no file name has a camera's number at its end, or is a wiki's file."""
    text = caption or ""
    return bool(_CAMERA.search(text) or (_NAMESPACE.match(text) and _EXTENSION.search(text)))


def _strip(caption: str) -> str:
    name, words = _EXTENSION.subn("", caption.strip())
    has_extension = bool(words)
    if has_extension:
        name = _NAMESPACE.sub("", name)
        name = _FOLDERS.sub("", name)
    fewest = _FEWEST_OF_TEXT
    if " " not in name:
        name, fewest = _SEPARATORS.sub(" ", _THUMBNAIL.sub("", _THUMBNAIL.sub("", name))), _FEWEST_OF_NAME
        for _ in range(_MOST_ADDED):
            name = _COUNTER.sub(_unless_a_date, name)
    else:
        name = _THUMBNAIL.sub("", name.replace("_", " "))
    name = trim(_LEADING_CAMERA.sub("", _CAMERA.sub("", name)))
    if count_telling_words(name) < fewest or _is_mostly_code(name):
        return caption
    return name


def _unless_a_date(counter: re.Match[str]) -> str:
    return counter[0] if _DATE.match(counter[0].strip()) else ""


def _is_mostly_code(name: str) -> bool:
    """Returns whether most words have digits in them, or no vowels to be spoken with: MV046 LED17S BW."""
    words = name.split()
    return 2 * sum(bool(_DIGITS.search(word)) for word in words) > len(words)
