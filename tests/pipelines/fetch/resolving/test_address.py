from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.fetch import AddressPolicy, FetchFailureError
from babelsift.schemas import RecipeError, RejectReason

ANY_PORT = AddressPolicy(ports=None)


@pytest.mark.parametrize(
    ("address", "refusal"),
    [
        ("0.0.0.0", "unspecified"),
        ("10.1.2.3", "private"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("100.100.100.200", "carrier-grade NAT"),
        ("127.0.0.1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("168.63.129.16", "cloud metadata"),
        ("172.31.255.255", "private"),
        ("192.0.0.192", "reserved"),
        ("192.0.2.1", "documentation"),
        ("192.168.1.1", "private"),
        ("198.18.0.1", "benchmarking"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::127.0.0.1", "loopback"),
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b:1::1", "reserved"),
        ("2002:0a00:0001::1", "private"),
        ("2001:0:7f00:1::", "loopback"),
        ("2001:0:808:808::80ff:fffe", "loopback"),
        ("2001:0:808:808::f7f7:f7f7", "reserved"),
        ("2001:db8::1", "documentation"),
        ("2a00:1::5efe:10.0.0.1", "private"),
        ("3fff::1", "documentation"),
        ("5f00::1", "reserved"),
        ("fd00:ec2::254", "private"),
        ("fe80::1", "link-local"),
        ("ff02::1", "multicast"),
        ("1.1.1.1", None),
        ("172.32.0.1", None),
        ("2606:4700::1111", None),
        ("::ffff:8.8.8.8", None),
        ("64:ff9b::8.8.8.8", None),
    ],
)
def test_addresses(address, refusal):
    assert ANY_PORT.refusal(ip_address(address)) == refusal


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_reached(address):
    if ANY_PORT.refusal(address) is None:
        mapped = getattr(address, "ipv4_mapped", None) or address
        assert mapped.is_global
        assert not mapped.is_multicast


def test_allowed_networks_are_reached_in_every_form():
    policy = AddressPolicy(allow=("10.0.0.0/8", "fd00::/8"), ports=None)
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1"):
        assert policy.refusal(ip_address(address)) is None
    assert policy.refusal(ip_address("192.168.0.1")) == "private"


def test_a_wrong_network_is_a_recipe_error():
    with pytest.raises(RecipeError, match=r"allow_addresses.*10\.0\.0\.0/8"):
        AddressPolicy(allow=("10.0.0.1/8",))


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("file:///etc/passwd", "scheme file"),
        ("gopher://example.com/", "scheme gopher"),
        ("data:image/png;base64,AAAA", "scheme data"),
        ("//example.com/x.jpg", "scheme missing"),
        ("http://user:secret@example.com/", "user information in the URL"),
        ("http://example.com\\@127.0.0.1/", "user information in the URL"),
        ("http://127.0.0.1/", "loopback address 127.0.0.1"),
        ("http://127.1/", "odd spelling of an address: 127.1"),
        ("http://0177.0.0.1/", "odd spelling of an address: 0177.0.0.1"),
        ("http://0x7f000001/", "odd spelling of an address: 0x7f000001"),
        ("http://2130706433/", "odd spelling of an address: 2130706433"),
        ("http://0x7f.1./", "odd spelling of an address: 0x7f.1."),
        ("http://8.8.8.8./", "odd spelling of an address: 8.8.8.8."),
        ("http://１２７.0.0.1/", "loopback address 127.0.0.1"),
        ("http://①⑦②.16.0.1/", "private address 172.16.0.1"),
        ("http://[::ffff:10.0.0.1]/", "private address ::ffff:a00:1"),
        ("http://[fe80::1%25eth0]/", "address with a zone"),
    ],
)
def test_refused_urls(url, detail):
    with pytest.raises(FetchFailureError) as caught:
        ANY_PORT.check_url(url)
    assert (caught.value.reason, caught.value.detail) == (RejectReason.ADDRESS_REFUSED, detail)


@pytest.mark.parametrize(
    "url", ["http://", "http:///x", "http://[::1", "http://host:99999/", "http://h:0/", "http://./"]
)
def test_invalid_urls(url):
    with pytest.raises(FetchFailureError) as caught:
        ANY_PORT.check_url(url)
    assert caught.value.reason is RejectReason.URL_INVALID


def test_ports():
    policy = AddressPolicy(ports=(80, 443))
    assert str(policy.check_url("https://example.com:443/a")) == "https://example.com/a"
    with pytest.raises(FetchFailureError) as caught:
        policy.check_url("http://example.com:22/")
    assert caught.value.detail == "port 22"


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        (" http://example.com/a b.jpg#part ", "http://example.com/a%20b.jpg"),
        ("http://example.com/100%.jpg?sig=%2Fa%2B&x=ü", "http://example.com/100%.jpg?sig=%2Fa%2B&x=%C3%BC"),
        ("https://bücher.de/ü.png", "https://xn--bcher-kva.de/%C3%BC.png"),
        ("http://example.com", "http://example.com/"),
        ("http://example.com/a\r\nHost: evil", "http://example.com/aHost:%20evil"),
        ("http://[2606:4700::1111]:8080/x", "http://[2606:4700::1111]:8080/x"),
    ],
)
def test_urls_are_sent_as_browsers_send_them(url, sent):
    assert str(ANY_PORT.check_url(url)) == sent


@pytest.mark.parametrize(
    ("location", "outcome"),
    [
        ("/b.jpg", "https://example.com/b.jpg"),
        ("c.jpg?x=1", "https://example.com/a/c.jpg?x=1"),
        ("//cdn.example.com/d", "https://cdn.example.com/d"),
        ("http://example.com/", "redirect from https to http"),
        ("https://10.0.0.1/", "private address 10.0.0.1"),
        ("file:///etc/passwd", "scheme file"),
        ("https://[::1", "redirect: Invalid IPv6 URL"),
    ],
)
def test_redirects(location, outcome):
    origin = ANY_PORT.check_url("https://example.com/a/b")
    try:
        found = str(ANY_PORT.check_redirect(origin, location))
    except FetchFailureError as failure:
        found = failure.detail
    assert found == outcome


def check(url: str) -> tuple[RejectReason | None, str]:
    try:
        return None, str(ANY_PORT.check_url(url))
    except FetchFailureError as failure:
        return failure.reason, failure.detail


@given(st.text(max_size=40))
def test_any_text_is_a_url_or_a_reason(text):
    for url in (text, "http://" + text, "http://example.com/" + text, f"http://{text}/x"):
        reason, found = check(url)
        assert "\n" not in found
        assert reason in (None, RejectReason.ADDRESS_REFUSED, RejectReason.URL_INVALID)
        if reason is None:
            assert found.isascii()
            assert " " not in found
