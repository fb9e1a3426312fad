import socket
from collections import Counter

from babelsift.pipelines.stages.img2dataset_download.host_check import HostCheck
from babelsift.schemas.recipe import DownloadSettings

_NAMES = {"public.example": ["93.184.216.34"], "inner.example": ["93.184.216.34", "10.1.2.3"]}


class Names:
    """Resolves the names above; counts what it is asked."""

    def __init__(self):
        self.asked = Counter()

    async def __call__(self, host):
        self.asked[host] += 1
        if host not in _NAMES:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return _NAMES[host]


def test_a_url_is_handed_on_as_it_is_to_be_asked_or_refused_with_a_reason():
    names = Names()
    hosts = HostCheck(DownloadSettings(), names)
    urls = ["http://PUBLIC.example/a b.jpg#top", "http://inner.example/", "http://gone.example/", "file:///etc/passwd"]
    urls += ["http://public.example:25/", "http://public.example/ü"]
    requested, inner, gone, scheme, port, other = hosts.check(urls)
    assert (requested.requested, requested.refusal) == ("http://public.example/a%20b.jpg", None)
    assert inner.refusal == ("address_refused", "private address 10.1.2.3")
    assert gone.refusal == ("dns_failure", "Name or service not known")
    assert scheme.refusal == ("address_refused", "scheme file")
    assert port.refusal == ("address_refused", "port 25")
    assert other.requested == "http://public.example/%C3%BC"
    assert hosts.check(urls[:2]) == [requested, inner]
    assert names.asked == {"public.example": 1, "inner.example": 1, "gone.example": 1}
