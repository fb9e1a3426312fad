import pytest

from babelsift.schemas.addresses import host_and_port, is_host_and_port


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("localhost:50000", ("localhost", 50_000)),
        ("192.0.2.7:1", ("192.0.2.7", 1)),
        ("[2001:db8::1]:65535", ("2001:db8::1", 65_535)),
    ],
)
def test_a_host_and_a_port(address, expected):
    assert host_and_port(address) == expected


@pytest.mark.parametrize(
    "address",
    ["", "localhost", "localhost:", ":80", "::1:80", "http://a:80", "a:80/", "a b:80", "a:x", "a:0", "a:65536"],
)
def test_what_is_none(address):
    assert not is_host_and_port(address)
    with pytest.raises(ValueError, match=r"is not HOST:PORT|ports are 1 to 65535"):
        host_and_port(address)
