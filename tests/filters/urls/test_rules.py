import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from babelsift.filters.urls import rules as url
from babelsift.filters.urls.rules import url_host

HOSTS = [
    ("http://example.com/a.jpg", "example.com"),
    ("https://WWW.Example.COM", "www.example.com"),
    ("  http://example.com/a ", "example.com"),
    ("http://example.com./a", "example.com"),
    ("http://user:pw@example.com:8080/a", "example.com"),
    ("http://bücher.de/a", "xn--bcher-kva.de"),
    ("http://例え.jp/画像.png", "xn--r8jz45g.jp"),
    ("http://ex%61mple.com/", "example.com"),
    ("http://[2001:db8::1]/a", "2001:db8::1"),
    ("http://127.0.0.1/a", "127.0.0.1"),
    ("http://a_b.example.com/x", "a_b.example.com"),
    ("http://example.com?x=1", "example.com"),
    ("HTTP://EXAMPLE.COM/A", "example.com"),
    ("ftp://example.com/a", "example.com"),
    ("http://[::1/a", None),
    ("http://[zz]/a", None),
    ("http://example.com:99999/", None),
    ("http://example.com:abc/", None),
    ("http://example.com:0/", None),
    ("http://evil.com\\@example.com/", None),
    ("http://exa mple.com/", None),
    ("http://a..b/", None),
    ("http:///a.jpg", None),
    ("http:a.jpg", None),
    ("//example.com/a", "example.com"),
    ("/a.jpg", None),
    ("data:image/png;base64,AAAA", None),
    ("http://" + "a" * 254 + "/", None),
    ("http://℀.com/", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("address", "host"), HOSTS)
def test_hosts(address, host):
    addresses = pa.array([address, "http://plain.org/x"], pa.string())
    assert url.url_hosts(addresses).to_pylist() == [host, "plain.org"]
    assert url.has_host(addresses).to_pylist() == [host is not None, True]


URL_CHARACTERS = "htps:/.ab-_@%[]?#\\ 1é"


@given(st.lists(st.one_of(st.text(), st.text(URL_CHARACTERS).map("http://".__add__)), max_size=6))
@example(["http://" + "a." * 126 + "a/"])
@example(["http://a-/", "http://-a/", "http://a.-b.c/"])
@settings(deadline=None, max_examples=300)
def test_the_quick_way_agrees_with_urllib(addresses):
    blanks = "".join(map(chr, range(33)))
    expected = [url_host(address.strip(blanks)) for address in addresses]
    assert url.url_hosts(pa.array(addresses, pa.string())).to_pylist() == expected


def test_schemes():
    addresses = pa.array(
        ["http://a.b", "HTTPS://a.b", "ftp://a.b", "file:///etc/passwd", "a.jpg", "", "httpx://a", " http:b", None]
    )
    assert url.has_allowed_scheme(addresses, schemes=("HTTP", "https")).to_pylist() == [
        True, True, False, False, False, False, False, True, False,
    ]  # fmt: skip
    assert url.url_schemes(addresses).to_pylist() == ["http", "https", "ftp", "file", None, None, "httpx", "http", None]
    assert url.has_allowed_scheme(addresses, schemes=()).to_pylist() == [False] * 9


def test_length_counts_code_points():
    assert url.has_max_url_characters(pa.array(["é" * 5, "e" * 6, None]), maximum=5).to_pylist() == [True, False, False]
