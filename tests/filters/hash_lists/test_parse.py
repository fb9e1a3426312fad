from __future__ import annotations

import hashlib

import pytest

from babelsift.filters.hash_lists import HashListError, ListEntries, parse_hash_list

MD5, SHA1, SHA256 = (hashlib.new(name, b"cat").hexdigest() for name in ("md5", "sha1", "sha256"))
PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"


def parsed(text: str, **options) -> dict[str, list[str]]:
    entries = ListEntries()
    parse_hash_list(text.splitlines(keepends=True), entries, **options)
    sizes = {"md5": 16, "sha1": 20, "sha256": 32, "pdq": 32}
    return {
        name: [content[start : start + sizes[name]].hex() for start in range(0, len(content), sizes[name])]
        for name, content in entries.digests.items()
    }


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        (f"# known\n\n{MD5.upper()}\r\n{SHA1}\n", {}, {"md5": [MD5], "sha1": [SHA1]}),
        (f"{SHA256}  cat.jpg\n{SHA256} *b.jpg\n", {"algorithm": "sha256"}, {"sha256": [SHA256] * 2}),
        (f"{PDQ},100,bridge.jpg\n{PDQ},49,x\n", {"algorithm": "pdq", "min_quality": 50}, {"pdq": [PDQ]}),
        (f"MD5,SHA-1\n{MD5},{SHA1}\n{MD5},\n", {}, {"md5": [MD5] * 2, "sha1": [SHA1]}),
        (f"md5,sha1\n{MD5},{SHA1}\n", {"algorithm": "sha1"}, {"sha1": [SHA1]}),
        (f'id,md5,PhotoDNA,"sha256"\n1,{MD5},"1,2,3",{SHA256}\n', {}, {"md5": [MD5], "sha256": [SHA256]}),
        (f"hash,quality\n{PDQ},80\n{PDQ},10\n", {"algorithm": "pdq", "min_quality": 50}, {"pdq": [PDQ]}),
        (
            f"indicator,type\n{PDQ},HASH_PDQ\n{SHA256},HASH_SHA256\n00ff,HASH_TMK\n",
            {},
            {"pdq": [PDQ], "sha256": [SHA256]},
        ),
        (f"indicator,type\n{PDQ},HASH_PDQ\n{SHA256},HASH_SHA256\n", {"algorithm": "pdq"}, {"pdq": [PDQ]}),
        ("", {}, {}),
        ("md5\n", {}, {}),
    ],
)
def test_formats(text, options, expected):
    assert parsed(text, **options) == expected


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (f"{MD5}\n\nzz{MD5[2:]}\n", {}, "row 3 is no digest in hex digits"),
        (f"{MD5}\n{MD5[:-1]}\n", {}, "row 2 has 31 hex digits"),
        (f"{SHA256}\n", {}, "row 1 has 64 hex digits: SHA-256 or PDQ: say which by `algorithm`"),
        (f"{MD5}\n", {"algorithm": "sha1"}, "row 1 has 32 hex digits, and sha1 has 40"),
        (f"{SHA256}{SHA256}\n", {}, "no digest that is computed here"),
        ("name,size\na,1\n", {}, "row 1 is neither a digest nor a header"),
        ("id,PhotoDNA\n1,abc\n", {}, "PhotoDNA"),
        (f"md5,sha1\n{MD5}\n", {}, "row 2 has 1 fields and the header 2"),
        ("md5,sha1\n,\n", {}, "row 2 has no digest"),
        (f'md5\n"{MD5}\n', {}, "row 2 is no row of a CSV file"),
        (f"{PDQ},101\n", {"algorithm": "pdq"}, "quality is a number from 0 to 100"),
        (f"pdq,quality\n{PDQ},good\n", {}, "row 2: PDQ's quality"),
    ],
)
def test_a_wrong_row_is_named_and_not_shown(text, options, said):
    with pytest.raises(HashListError) as raised:
        parsed(text, **options)
    assert said in str(raised.value)
    assert not any(part in str(raised.value) for part in (MD5[2:12], SHA1[:12], SHA256[:12], PDQ[:12]))
