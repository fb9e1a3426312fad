import pyarrow as pa
import pytest

from babelsift.filters.urls import (
    is_not_on_blocked_host,
    is_not_on_blocked_suffix,
    is_on_allowed_host,
    is_on_allowed_suffix,
    parse_hosts,
    url_suffixes,
)


def urls(*hosts):
    return pa.array([f"http://{host}/a.jpg" for host in hosts])


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("http://example.com/", False),
        ("http://www.example.com/", False),
        ("http://a.b.EXAMPLE.com./", False),
        ("http://notexample.com/", True),
        ("http://example.com.evil.org/", True),
        ("http://com/", True),
        ("http://bücher.de/", False),
        ("http://img.xn--bcher-kva.de/", False),
        ("http://10.0.0.1/", False),
        ("http://user@example.com:8080/", False),
        ("http://ex%61mple.com/", False),
        ("mailto:x", False),
        (None, False),
    ],
)
def test_a_blocked_host_blocks_what_is_below_it(address, kept):
    blocked = ("Example.com", "bücher.de", "10.0.0.1")
    assert is_not_on_blocked_host(pa.array([address], pa.string()), blocked_hosts=blocked).to_pylist() == [kept]


def test_nothing_blocked_keeps_every_host():
    assert is_not_on_blocked_host(pa.array(["http://a.b/", "x"]), blocked_hosts=()).to_pylist() == [True, False]


def test_a_blocked_host_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"'exa mple\.com'"):
        is_not_on_blocked_host(pa.array(["http://a.b/"]), blocked_hosts=("exa mple.com",))


def test_only_allowed_hosts_and_what_is_below_them():
    found = is_on_allowed_host(urls("a.de", "www.a.de", "b.de", "xa.de"), allowed_hosts=["A.de"])
    assert found.to_pylist() == [True, True, False, False]
    assert is_on_allowed_host(urls("a.de"), allowed_hosts=[]).to_pylist() == [False]


def test_public_suffixes_are_those_of_registries():
    hosts = ["a.b.co.uk", "me.github.io", "x.com", "127.0.0.1", "localhost", "пример.рф", "a.notatld"]
    assert url_suffixes(urls(*hosts)).to_pylist() == ["co.uk", "io", "com", None, None, "xn--p1ai", None]


def test_a_suffix_takes_in_those_below_it_and_not_hosts_that_end_alike():
    hosts = urls("a.co.uk", "a.uk", "a.com", "couk.com", "127.0.0.1", "a.рф")
    assert is_not_on_blocked_suffix(hosts, blocked_suffixes=["uk", ".рф"]).to_pylist() == [
        False, False, True, True, True, False,
    ]  # fmt: skip
    assert is_on_allowed_suffix(hosts, allowed_suffixes=["co.uk", "com"]).to_pylist() == [
        True, False, True, True, False, False,
    ]  # fmt: skip


def test_a_long_list_costs_no_more_a_url_than_its_labels():
    class Counted(frozenset):
        asked = 0

        def __contains__(self, host):
            Counted.asked += 1
            return super().__contains__(host)

        def __iter__(self):
            raise AssertionError("the list was walked through")

    listed = Counted(f"host{number}.com" for number in range(100_000))
    assert is_not_on_blocked_host(urls("a.b.host7.com", "c.d.org"), blocked_hosts=listed).to_pylist() == [False, True]
    assert Counted.asked <= 7


def test_hosts_are_parsed_once_whatever_their_form():
    assert parse_hosts(["[2001:DB8::1]", "A.de", "*.b.de", ".c.de", "bücher.de", "d.de."]) == {
        "2001:db8::1", "a.de", "b.de", "c.de", "xn--bcher-kva.de", "d.de",
    }  # fmt: skip
