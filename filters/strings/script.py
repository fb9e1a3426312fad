"""Which scripts (ISO 15924) a caption is written in, from the Script property of its letters."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa

from babelsift.filters.strings.code_points import LETTER, CodePoints, flatten, keep_mask, measure_array

# Unicode 16 Scripts.txt, hexadecimal, for the scripts that living languages are written in; ranges run over unassigned
# code points between them. U+30FC and U+FF70, common to both kana, are counted as Katakana.
_RANGES = {
    "Latn": (
        "41-5a 61-7a aa ba c0-d6 d8-f6 f8-2b8 2e0-2e4 1d00-1d25 1d2c-1d5c 1d62-1d65 1d6b-1d77 1d79-1dbe "
        "1e00-1eff 2071 207f 2090-209f 212a-212b 2132 214e 2160-2188 2c60-2c7f a722-a787 a78b-a7ff "
        "ab30-ab5a ab5c-ab64 ab66-ab69 ab6c-ab6d fb00-fb06 ff21-ff3a ff41-ff5a 10780-107bf 1df00-1dfff"
    ),
    "Grek": (
        "370-373 375-37d 37f-384 386 388-3e1 3f0-3ff 1d26-1d2a 1d5d-1d61 1d66-1d6a 1dbf 1f00-1ffe 2126 "
        "ab65 10140-1018e 101a0 1d200-1d245 1dff3-1dff4"
    ),
    "Cyrl": "400-484 487-52f 1c80-1c8a 1d2b 1d78 2de0-2dff a640-a69f fe2e-fe2f 1e030-1e08f",
    "Armn": "531-58f fb13-fb17",
    "Hebr": "591-5f4 fb1d-fb4f",
    "Arab": (
        "600-604 606-60b 60d-61a 61c-61e 620-63f 641-64a 656-66f 671-6dc 6de-6ff 750-77f 870-8e1 8e3-8ff "
        "fb50-fd3d fd40-fdff fe70-fefc 10e60-10e7e 10ec2-10eff 1ee00-1eef1"
    ),
    "Syrc": "700-74f 860-86a",
    "Thaa": "780-7b1",
    "Nkoo": "7c0-7ff",
    "Deva": "900-950 955-963 966-97f a8e0-a8ff 11b00-11b0a",
    "Beng": "980-9fe 11df0-11df1",
    "Guru": "a01-a76",
    "Gujr": "a81-aff",
    "Orya": "b01-b77",
    "Taml": "b82-bfa 11fc0-11fff",
    "Telu": "c00-c7f",
    "Knda": "c80-cf3",
    "Mlym": "d00-d7f",
    "Sinh": "d81-df4 111e1-111f4",
    "Thai": "e01-e3a e40-e5b",
    "Laoo": "e81-edf",
    "Tibt": "f00-fd4 fd9-fda",
    "Mymr": "1000-109f a9e0-a9fe aa60-aa7f 116d0-116e3",
    "Geor": "10a0-10fa 10fc-10ff 1c90-1cbf 2d00-2d2d",
    "Hang": "1100-11ff 302e-302f 3131-318e 3200-321e 3260-327e a960-a97c ac00-d7fb ffa0-ffdc",
    "Ethi": "1200-1399 2d80-2dde ab01-ab2e 1e7e0-1e7fe",
    "Cher": "13a0-13fd ab70-abbf",
    "Cans": "1400-167f 18b0-18f5 11ab0-11abf",
    "Khmr": "1780-17f9 19e0-19ff",
    "Mong": "1800-1801 1804 1806-18aa 11660-1166c",
    "Hira": "3041-3096 309d-309f 1b001-1b11f 1b123-1b152 1f200",
    "Kana": "30a1-30fa 30fc-30ff 31f0-31ff 32d0-32fe 3300-3357 ff66-ff9d 1aff0-1b000 1b120-1b128 1b155-1b168",
    "Bopo": "2ea-2eb 3105-312f 31a0-31bf",
    "Hani": (
        "2e80-2fd5 3005 3007 3021-3029 3038-303b 3400-4dbf 4e00-9fff f900-fad9 16fe2-16fe3 16ff0-16ff6 20000-33479"
    ),
    "Yiii": "a000-a4c6",
    "Tfng": "2d30-2d7f",
    "Olck": "1c50-1c7f",
    "Mtei": "aae0-aaf6 abc0-abf9",
    "Java": "a980-a9cd a9d0-a9df",
    "Bali": "1b00-1b7f",
    "Sund": "1b80-1bbf 1cc0-1cc7",
    "Adlm": "1e900-1e95f",
    "Vaii": "a500-a62b",
    "Lisu": "a4d0-a4ff 11fb0",
    "Talu": "1980-19df",
    "Tale": "1950-1974",
    "Lana": "1a20-1aad",
}

COMMON = "Zyyy"
SCRIPTS: tuple[str, ...] = (COMMON, *_RANGES)

# A letter of these says more than a Latin letter does: a Han character is about a word. Web captions mix a brand's
# Latin name into their script, so that scripts other than Latin count thrice.
_WEIGHTS = {"Zyyy": 0, "Latn": 1, "Hani": 8, "Hira": 5, "Kana": 5, "Bopo": 5, "Hang": 5}
_OTHER_WEIGHT = 3


@cache
def script_table() -> np.ndarray:
    """Returns uint8[0x110000], the index in SCRIPTS of every code point; 0 (Zyyy) where it is in none of them."""
    table = np.zeros(0x110000, dtype=np.uint8)
    for index, ranges in enumerate(_RANGES.values(), start=1):
        for bounds in ranges.split():
            first, _, last = bounds.partition("-")
            table[int(first, 16) : int(last or first, 16) + 1] = index
    return table


def letter_scripts(points: CodePoints) -> np.ndarray:
    """Returns uint8[m], the index in SCRIPTS of each letter; 0 for other code points.

    Args:
        points: m code points.
    """
    return np.where(points.has(LETTER), script_table()[points.values], 0).astype(np.uint8)


def count_letters_by_script(points: CodePoints) -> np.ndarray:
    """Returns int64[n, len(SCRIPTS)], each row's letters by script; column 0 is always 0."""
    return count_by_script(points, letter_scripts(points))


def count_by_script(points: CodePoints, scripts: np.ndarray) -> np.ndarray:
    """Returns int64[n, len(SCRIPTS)], how often each row has each script; column 0 is always 0.

    Args:
        points: m code points in n rows.
        scripts: uint8[m], as `letter_scripts` returns them.
    """
    cells = points.rows * len(SCRIPTS) + scripts
    counts = np.bincount(cells, minlength=len(points) * len(SCRIPTS)).reshape(len(points), len(SCRIPTS))
    counts[:, 0] = 0
    return counts


def weigh(counts: np.ndarray) -> np.ndarray:
    """Returns int64[n, len(SCRIPTS)], letter counts weighed by how much a letter of the script says of the language.

    Args:
        counts: int64[n, len(SCRIPTS)], from `count_by_script`.
    """
    return counts * np.array([_WEIGHTS.get(script, _OTHER_WEIGHT) for script in SCRIPTS])


def dominant_scripts(captions: pa.Array) -> pa.StringArray:
    """Returns the script that each caption is mainly written in, as ISO 15924 codes.

    A letter of a script other than Latin counts for 3 letters, of kana or Hangul for 5, a Han character for 8: captions
    mix Latin brand names into their script. Of equals the first in SCRIPTS is taken.

    Args:
        captions: string[n], nullable.

    Returns:
        string[n]; `Zyyy` where a caption has no letter of a known script, null where it is null.

    >>> dominant_scripts(pa.array(["a dog", "Nike 運動鞋", "собака", "42", None])).to_pylist()
    ['Latn', 'Hani', 'Cyrl', 'Zyyy', None]
    """
    points = flatten(captions)
    best = weigh(count_letters_by_script(points)).argmax(axis=1)
    return measure_array(np.array(SCRIPTS)[best], points).cast(pa.string())


def is_mainly_in_script(captions: pa.Array, *, scripts: tuple[str, ...]) -> pa.BooleanArray:
    """Keeps captions whose dominant script is one of `scripts` (ISO 15924 codes).

    Args:
        captions: string[n], nullable.
        scripts: ISO 15924 codes.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: a script that is not in SCRIPTS.

    >>> is_mainly_in_script(pa.array(["a dog", "собака", None]), scripts=("Latn",)).to_pylist()
    [True, False, False]
    """
    unknown = [script for script in scripts if script not in SCRIPTS]
    if unknown:
        raise ValueError(f"script {unknown[0]!r} is not one of {', '.join(SCRIPTS)}")
    points = flatten(captions)
    best = weigh(count_letters_by_script(points)).argmax(axis=1)
    return keep_mask(np.isin(best, [SCRIPTS.index(script) for script in scripts]), points)
