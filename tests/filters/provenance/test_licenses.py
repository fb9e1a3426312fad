"""Licences as pages and tables write them."""

import pyarrow as pa
import pytest

from babelsift.filters.provenance import license_identifier, license_identifiers

URLS = [
    ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
    ("http://creativecommons.org/licenses/by-nc-sa/2.0", "CC-BY-NC-SA-2.0"),
    ("//www.creativecommons.org/licenses/by-sa/3.0/de/deed.de?ref=chooser-v1#x", "CC-BY-SA-3.0"),
    (" HTTPS://CreativeCommons.org/Licenses/BY-ND/2.5/legalcode ", "CC-BY-ND-2.5"),
    ("creativecommons.org/licences/by-nd-nc/1.0/", "CC-BY-NC-ND-1.0"),
    ("https://creativecommons.org/licenses/by-nc/", "CC-BY-NC"),
    ("https://creativecommons.org/licenses/by/deed.fr", "CC-BY"),
    ("https://creativecommons.org/licenses/sa/1.0/", "CC-SA-1.0"),
    ("https://creativecommons.org/publicdomain/zero/1.0/deed.ja", "CC0-1.0"),
    ("https://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
    ("https://creativecommons.org/licenses/publicdomain/", "CC-PDDC"),
    ("https://creativecommons.org/licenses/by-nd-sa/4.0/", None),
    ("https://creativecommons.org/licenses/by/9.0/", None),
    ("https://creativecommons.org/licenses/sampling+/1.0/", None),
    ("https://creativecommons.org/licenses/", None),
    ("https://creativecommons.org/", None),
    ("https://creativecommons.org.example.com/licenses/by/4.0/", None),
    ("https://example.com/creativecommons.org/licenses/by/4.0/", None),
    ("https://creativecommons.org@example.com/licenses/by/4.0/", None),
    ("https://example.com/?by", None),
    ("//by", None),
]
NAMES = [
    ("CC BY 4.0", "CC-BY-4.0"),
    ("cc-by-sa-3.0", "CC-BY-SA-3.0"),
    ("CC_BY_NC_ND", "CC-BY-NC-ND"),
    ("CC BY-SA v4.0", "CC-BY-SA-4.0"),
    ("cc by 4", "CC-BY-4.0"),
    ("by-nc", "CC-BY-NC"),
    ("CC BY-SA 3.0 DE", "CC-BY-SA-3.0"),
    ("CC BY 3.0 IGO", "CC-BY-3.0"),
    ("Attribution-NonCommercial-ShareAlike License", "CC-BY-NC-SA"),
    ("Creative Commons Attribution-NoDerivs 2.0 Generic", "CC-BY-ND-2.0"),
    ("Creative Commons Attribution Share Alike 4.0 International", "CC-BY-SA-4.0"),
    ("Creative Commons Attribution 4.0 International (CC BY 4.0)", "CC-BY-4.0"),
    ("Attribution-Non-Commercial-No Derivative Works 3.0 Unported", "CC-BY-NC-ND-3.0"),
    ("CC0", "CC0-1.0"),
    ("cc-zero", "CC0-1.0"),
    ("CC0 1.0 Universal Public Domain Dedication", "CC0-1.0"),
    ("Public Domain Mark 1.0", "CC-PDM-1.0"),
    ("pdm", "CC-PDM-1.0"),
    (None, None),
    ("", None),
    ("cc", None),
    ("Creative Commons", None),
    ("4.0", None),
    ("sa 1.0", None),
    ("cc 4.0", None),
    ("public domain", None),
    ("MIT", None),
    ("All rights reserved", None),
    ("not CC BY 4.0", None),
    ("CC BY 4.0 or MIT", None),
    ("CC BY 4.0, CC BY-NC 4.0", None),
    ("CC BY 4.0 (CC BY-NC 4.0)", None),
    ("CC BY 4.0 (but for photographs)", None),
    ("cc-by-sa-3.0,2.5,2.0", None),
    ("CC BY 4.0 日本", None),
    ("知识共享 BY", None),
    ("CC BY-ND-SA 4.0", None),
    ("CC0 2.0", None),
    ("CC BY 4.0 " * 100, None),
]


@pytest.mark.parametrize(("text", "identifier"), URLS + NAMES)
def test_a_license_has_its_short_identifier(text, identifier):
    assert license_identifier(text) == identifier


@pytest.mark.parametrize("identifier", sorted({identifier for _, identifier in URLS + NAMES if identifier}))
def test_an_identifier_is_its_own(identifier):
    assert license_identifier(identifier) == identifier


@pytest.mark.parametrize("texts", [[], [None, None], ["cc0", None, "?", "cc0"]])
def test_a_column_is_as_long_as_its_texts(texts):
    assert license_identifiers(pa.array(texts, pa.string())).to_pylist() == [
        "CC0-1.0" if text == "cc0" else None for text in texts
    ]
