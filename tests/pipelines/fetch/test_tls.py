"""Certificates that a client trusts and must refuse all the same, by a client that trusts no others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from tests.support.hostile_web import HostileWeb, answer

pytestmark = pytest.mark.xdist_group("tls")  # its tests share what a fixture makes

CERTIFICATES = {
    "good": {},
    "expired": {"years": (2020, 2021)},
    "not yet valid": {"years": (2110, 2120)},
    "another address": {"host": "127.0.0.2"},
    "another host": {"host": "images.example"},
}
FETCH = """
import asyncio, json, sys
from babelsift.pipelines.fetch.client import ImageClient
from babelsift.schemas.recipe import DownloadSettings

settings = DownloadSettings(ports=None, allow_addresses=("127.0.0.0/8",), retries=0)

async def fetch(urls):
    async with ImageClient(settings) as client:
        return [await client.fetch(url) for url in urls]

found = asyncio.run(fetch(sys.argv[1:]))
print(json.dumps([[one.body and one.body.decode(), one.reason and one.reason.value, one.detail] for one in found]))
"""


@pytest.fixture(scope="module")
def fetched(tmp_path_factory) -> dict[str, list]:
    """What became of a server with each certificate; in a process of its own, which reads at its start whom to trust."""
    trusted = tmp_path_factory.mktemp("tls") / "trusted.pem"
    with ExitStack() as stack:
        webs = [stack.enter_context(HostileWeb(tls=True, **options)) for options in CERTIFICATES.values()]
        urls = [web.on("/", answer(b"body")) for web in webs]
        trusted.write_bytes(b"".join(web.certificate for web in webs))
        finished = subprocess.run(
            [sys.executable, "-c", FETCH, *urls],
            env={**os.environ, "SSL_CERT_FILE": str(trusted)},
            capture_output=True,
            text=True,
            check=True,
        )
    return dict(zip(CERTIFICATES, json.loads(finished.stdout), strict=True))


def test_a_trusted_certificate_is_good_enough(fetched):
    assert fetched["good"] == ["body", None, ""]


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("expired", "certificate has expired"),
        ("not yet valid", "certificate is not yet valid"),
        ("another address", "ip address mismatch, certificate is not valid for '127.0.0.1'."),
        ("another host", "ip address mismatch, certificate is not valid for '127.0.0.1'."),
    ],
)
def test_a_trusted_certificate_must_be_of_now_and_here(fetched, name, detail):
    assert fetched[name] == [None, "tls_failure", detail]
