"""TDMRep: whether rights are reserved."""

from __future__ import annotations

import pytest

from babelsift.filters.opt_outs import is_tdm_reserved, parse_tdmrep


@pytest.mark.parametrize(
    ("values", "is_reserved"),
    [
        ([], None),
        (["1"], True),
        (["0"], False),
        ([" 1 "], True),
        (['"1"'], True),
        (["1; note"], True),
        (["0", "1"], True),
        (["1, 0"], True),
        (["10"], None),
        (["true"], None),
        ([""], None),
    ],
)
def test_header(values, is_reserved):
    assert is_tdm_reserved(values) is is_reserved


@pytest.mark.parametrize(
    ("content", "path", "is_reserved"),
    [
        ('[{"location": "/", "tdm-reservation": 1}]', "/a.jpg", True),
        ('[{"location": "/", "tdm-reservation": 0}]', "/a.jpg", False),
        ('\ufeff[{"location": "/", "tdm-reservation": 1, "tdm-policy": "https://p"}]', "/a.jpg", True),
        ('{"location": "/", "tdm-reservation": 1}', "/a.jpg", True),
        ('[{"location": "/", "tdm-reservation": "1"}]', "/a.jpg", True),
        ('[{"location": "/", "tdm-reservation": true}]', "/a.jpg", True),
        ('[{"location": "*.jpg", "tdm-reservation": 1}]', "/b/a.jpg", True),
        ('[{"location": "/b/*.png$", "tdm-reservation": 1}]', "/b/a.jpg", False),
        (
            '[{"location": "/", "tdm-reservation": 1}, {"location": "/b/", "tdm-reservation": 0}]',
            "/b/a.jpg",
            False,
        ),
        (
            '[{"location": "/b", "tdm-reservation": 0}, {"location": "/b", "tdm-reservation": 1}]',
            "/b/a.jpg",
            True,
        ),
        ('[{"location": "/", "tdm-reservation": 2}]', "/a.jpg", False),
        (
            '[{"location": "/"}, {"tdm-reservation": 1}, 7, null, {"location": 3, "tdm-reservation": 1}]',
            "/a.jpg",
            False,
        ),
        ("[" * 100_000, "/a.jpg", False),
        ("<html>not found</html>", "/a.jpg", False),
        ("", "/a.jpg", False),
        ("null", "/a.jpg", False),
    ],
)
def test_file(content, path, is_reserved):
    assert parse_tdmrep(content.encode()).forbid(f"https://a.example{path}") == is_reserved


def test_a_file_in_no_encoding():
    assert not parse_tdmrep(b"\xff\xfe[]").forbid("https://a.example/")
