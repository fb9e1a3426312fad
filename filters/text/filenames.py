"""Captions that are the name of a file: IMG_1234.jpg, DSC0021, photo-3.png, Screenshot 2020-01-01 at 10.00.00."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np
import pyarrow as pa

from babelsift.filters.strings import LETTER, SPACE, CodePoints, FirstWords, Pattern, clean_strings, flatten, keep_mask

EXTENSIONS = (
    "jpe?g|jpe|jfif|pjpeg|png|apng|gif|webp|avif|bmp|dib|tiff?|svgz?|ico|heic|heif|jp2|j2k|jxl|raw|cr2|cr3|nef|arw|dng|"
    "orf|rw2|psd|psb|xcf|ai|eps|indd|cdr|pdf|docx?|pptx?|xlsx?|odt|txt|zip|rar|mp4|m4v|mov|avi|wmv|webm|mkv|mp3|wav|"
    "html?|php|aspx?|jsp"
)
# What cameras, phones and chat applications call their pictures.
_CAMERAS = (
    "img|imgp|imag|image|images|dsc|dscn|dscf|dsci|_dsc|pict|pic|pxl|mvimg|mvi|vid|sam|cimg|hpim|kodak|sany|"
    "gopr|gp|dji|p|pa|dc|sdc|stp|scan|scn|foto|photo|picture|bild|imagen|imagem|immagine|obraz|zdj|fb_img|"
    "received|snapchat|inshot|burst|pano|screenshot|screen|capture|captura|untitled|unnamed|download|unbenannt|"
    "фото|изображение|снимок|画像|写真|图片|圖片|照片|微信图片|mmexport|wx_camera|qq图片|사진|이미지|صورة"
)
_SCREENSHOTS = (
    "screen ?shot|bildschirmfoto|captura de (?:pantalla|tela|ecrã)|capture d['’ ]?[eé]cran|schermafbeelding|schermata|"
    "istantanea schermo|zrzut ekranu|sn[ií]mek obrazovky|snímka obrazovky|skärmavbild|skærmbillede|skjermbilde|"
    "näyttökuva|képernyőkép|captură de ecran|ekran (?:görüntüsü|resmi)|ekran alıntısı|tangkapan layar|снимок экрана|"
    "скриншот|знімок екрана|екранна снимка|στιγμιότυπο οθόνης|صورة الشاشة|لقطة شاشة|צילום מסך|स्क्रीनशॉट|"
    "スクリーンショット|スクショ|截屏|截图|截圖|屏幕截图|螢幕快照|螢幕截圖|스크린샷|whatsapp (?:image|video|bild)|"
    "photo|image|imagen|foto|clipboard|signal|telegram|line_album_?"
)

# A path or name that ends in an extension, with a size or a copy's number after it.
_PATH = rf"(?:file:|[a-z]:\\)?[^\n<>|?*\":]*[^\s<>|?*\".:]\.(?:{EXTENSIONS})(?:[?#]\S*|\s?\([^()]{{1,30}}\))?"
_NAMES = (
    # A camera's prefix and a number: IMG_1234, DSC 0021 copy, photo-3, P1010234, IMG-20200101-WA0001, image (3).
    rf"(?:{_CAMERAS})[-_ ]{{0,2}}\(?[0-9]{{3,}}"
    r"(?:[-_ ~.(]{0,2}(?:[0-9]+|wa[0-9]+|hdr|copy|edit(?:ed)?|burst[0-9]*|mp|n|o)\)?)*",
    rf"(?:{_CAMERAS})(?:[-_]+|\s?\()[0-9]+\)?(?:[-_][0-9a-z]+)*",
    # A screenshot and its date.
    rf"(?:{_SCREENSHOTS})[-_ ]{{0,3}}\(?[0-9]{{2,4}}[-_./年 ]?[0-9]{{1,2}}[-_./月 ]?[0-9]{{1,4}}.{{0,40}}",
    # Names that hosts give: 12345_67890_n, UUIDs, long hexadecimal digests.
    r"[0-9]{3,}(?:[-_][0-9]+)+(?:[-_][a-z]{1,2})?",
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"[0-9a-f]{24,}",
)
_FILENAME = Pattern(rf"(?i)^\s*((?:{_PATH})|{'|'.join(f'(?:{pattern})' for pattern in _NAMES)})\s*$")
_EXTENSION = Pattern(rf"(?i)\.(?:{EXTENSIONS})(?:[?#\s]|\s?\(|$)")
_UNDERSCORE = "_"
_WORD_SIGNS = frozenset("0123456789.-_")
_BLANKS = " \t\n\f\r"


def find_filename(captions: pa.Array) -> pa.LargeStringArray:
    """Returns the file name that a caption is.

    A caption is a file name when the whole of it ends in the extension of an image, document or page, is a camera's,
    phone's or chat's name with its number, a screenshot's with its date (in many languages), a UUID or digest, or one
    word with underscores. Words that only mention a file ("how to open .jpg files") are none.

    Args:
        captions: string[n], nullable.

    Returns:
        large_string[n], null where the caption is no file name or null.

    >>> find_filename(pa.array(["IMG_1234.jpg", "how to open .jpg files", "brown_dog_01", None])).to_pylist()
    ['IMG_1234.jpg', None, 'brown_dog_01', None]
    """
    strings, points = clean_strings(captions), flatten(captions)
    names = np.full(len(points), None, dtype=object)
    rows = _candidates(strings, points)
    if len(rows):
        candidates = strings.take(pa.array(rows))
        named = zip(_FILENAME.find(candidates), candidates.to_pylist(), strict=True)
        names[rows] = [name or _underscored(text) for name, text in named]
    return pa.array(names, pa.large_string())


def is_not_filename(captions: pa.Array) -> pa.BooleanArray:
    """Keeps captions that are not just the name of a file; see `find_filename`.

    Args:
        captions: string[n], nullable.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    >>> is_not_filename(pa.array(["DSC 0021", "Screenshot 2020-01-01 at 10.00.00", "a dog", None])).to_pylist()
    [False, False, True, False]
    """
    points = flatten(captions)
    return keep_mask(find_filename(captions).is_null().to_numpy(zero_copy_only=False), points)


def _candidates(strings: pa.LargeStringArray, points: CodePoints) -> np.ndarray:
    """Returns int64[k], the few rows that the patterns need be tried on."""
    # One word, but for blanks around it; or an extension; or the first word of a camera's or screenshot's name.
    spaces = points.has(SPACE)
    edges = np.zeros(len(points), dtype=bool)
    filled = points.lengths > 0
    edges[filled] = spaces[points.starts[:-1][filled]] | spaces[points.starts[1:][filled] - 1]
    likely = (points.count(spaces) == 0) | edges
    dotted = np.flatnonzero(points.count((points.values == ord(".")) & points.before(points.has(LETTER))))
    likely[dotted[_EXTENSION.matches(strings.take(pa.array(dotted)))]] = True
    return np.flatnonzero(filled & (likely | ((points.digits > 0) & _first_words().may_begin(points))))


def _underscored(text: str) -> str | None:
    """Returns a text that is one word with underscores: brown_dog_01, banner_home."""
    word = text.strip(_BLANKS)
    if _UNDERSCORE not in word or _UNDERSCORE in (word[0], word[-1]):
        return None
    allowed = all(sign in _WORD_SIGNS or unicodedata.category(sign)[0] in "LM" for sign in word)
    return word if allowed else None


@cache
def _first_words() -> FirstWords:
    names = re.split(r"[^\w ]+", f"{_CAMERAS}|{_SCREENSHOTS}")
    # Alternatives inside a name ("captura de (?:pantalla|tela)") give words that begin nothing, which does no harm;
    # letters that a pattern lets vary are spelled out.
    return FirstWords([*names, "capture", "snimek", "snímek", "snímka"])
