import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.urls import canonical_urls


def canonical(*urls):
    return canonical_urls(pa.array(urls, pa.string())).to_pylist()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.com/x.jpg", "https://a.com/x.jpg"),
        ("HTTP://A.Com:80/x.jpg", "https://a.com/x.jpg"),
        ("https://a.com:443/x.jpg#top", "https://a.com/x.jpg"),
        ("https://a.com:0443/x.jpg", "https://a.com/x.jpg"),
        ("http://a.com:443/x.jpg", "https://a.com/x.jpg"),
        ("https://a.com:8443/x.jpg", "https://a.com:8443/x.jpg"),
        ("https://a.com:/x.jpg", "https://a.com/x.jpg"),
        ("https://a.com./x.jpg", "https://a.com/x.jpg"),
        ("https://a.com", "https://a.com/"),
        ("https://a.com/x.jpg?utm_source=b&w=200&fbclid=1&h=3", "https://a.com/x.jpg?w=200&h=3"),
        ("https://a.com/x.jpg?UTM_Campaign=b", "https://a.com/x.jpg"),
        ("https://a.com/x.jpg?", "https://a.com/x.jpg"),
        ("https://a.com/x.jpg?h=3&w=200", "https://a.com/x.jpg?h=3&w=200"),
        ("https://a.com/X.JPG?id=A%20b", "https://a.com/X.JPG?id=A%20b"),
        ("https://www.a.com/x", "https://www.a.com/x"),
        ("https://User:Pw@a.com/x", "https://User:Pw@a.com/x"),
        ("http://[2001:DB8::1]:80/x", "https://[2001:db8::1]/x"),
        ("http://[2001:db8::1]/x", "https://[2001:db8::1]/x"),
        (" https://a.com/x.jpg\n", "https://a.com/x.jpg"),
        ("ftp://A.com/x.jpg", "ftp://A.com/x.jpg"),
        ("https://[::1/x", "https://[::1/x"),
        ("data:image/png;base64,AA", "data:image/png;base64,AA"),
        ("https://", "https://"),
        ("", ""),
        (None, None),
    ],
)
def test_spellings(url, expected):
    assert canonical(url) == [expected]
    assert canonical(expected) == [expected]


_PIECES = ["http", "https", "HTTPS", "://", ":", "/", "//", "@", "[", "]", "::1", "a.COM", "ü.de", "?", "&", "#", "utm_x=1",
           "w=2", "=", "%", "%zz", ":80", ":443", ":99999", ":x", "..", "\x00", "\t", " ", "\\", "\u200b", "．"]  # fmt: skip


@given(st.lists(st.one_of(st.none(), st.lists(st.sampled_from(_PIECES)).map("".join), st.text()), max_size=5))
@settings(deadline=None, max_examples=60)
def test_hostile_urls_are_answered_and_a_canonical_one_stays(urls):
    once = canonical(*urls)
    assert [url is None for url in once] == [url is None for url in urls]
    assert canonical(*once) == once
