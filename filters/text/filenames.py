"""Captions that are the name of a file: IMG_1234.jpg, DSC0021, photo-3.png, Screenshot 2020-01-01 at 10.00.00."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.code_points import DIGIT, SPACE, clean_strings, flatten, kept, matches

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

_PATTERNS = (
    # A path or name that ends in an extension, with a size or a copy's number after it.
    rf"(?:file:|[a-z]:\\)?[^\n<>|?*\":]*[^\s<>|?*\".:]\.(?:{EXTENSIONS})(?:[?#]\S*|\s?\([^()]{{1,30}}\))?",
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
    # One word with underscores: brown_dog_01, banner_home.
    r"[\pL\pM0-9.-]+(?:_+[\pL\pM0-9.-]+)+",
)
_FILENAME = rf"(?i)^\s*(?P<filename>{'|'.join(f'(?:{pattern})' for pattern in _PATTERNS)})\s*$"


def find_filename(captions: pa.Array) -> pa.LargeStringArray:
    """Returns the file name that a caption is.

    A caption is a file name when the whole of it ends in the extension of an image, document or page, is a camera's,
    phone's or chat's name with its number, a screenshot's with its date (in many languages), a UUID or digest, or one
    word with underscores. Words that only mention a file ("how to open .jpg files") are none.

    Args: captions: string[n], nullable. Returns: large_string[n], null where the caption is no file name or null.
    """
    return pc.struct_field(pc.extract_regex(clean_strings(captions), _FILENAME), "filename")


def is_not_filename(captions: pa.Array) -> pa.BooleanArray:
    """Keeps captions that are not just the name of a file; see `find_filename`.

    Args: captions: string[n], nullable. Returns: bool[n], no nulls; a null caption is not kept.
    """
    strings = clean_strings(captions)
    points = flatten(captions)
    answer = np.ones(len(points), dtype=bool)
    # Every pattern needs a digit, a dot or an underscore, or is hexadecimal: quicker to see than the whole pattern.
    signs = points.has(DIGIT) | (points.values == ord(".")) | (points.values == ord("_"))
    rows = np.flatnonzero((points.count(signs) > 0) | (points.count(points.has(SPACE)) == 0))
    if len(rows):
        answer[rows] = ~matches(strings.take(pa.array(rows)), _FILENAME)
    return kept(answer, points)
