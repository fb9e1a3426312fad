import pyarrow as pa

from babelsift.filters.urls import registered_domains


def test_hosts_of_one_registration_share_a_domain():
    urls = [
        "http://img.example.co.uk/a",
        "https://EXAMPLE.co.uk",
        "http://10.0.0.1/x",
        "http://localhost/y",
        "x:",
        None,
    ]
    found = registered_domains(pa.array(urls)).to_pylist()
    assert found == ["example.co.uk", "example.co.uk", "10.0.0.1", "localhost", None, None]
