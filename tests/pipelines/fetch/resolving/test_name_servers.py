"""Names are asked for once as long as an answer holds, at servers that may fail, and what they answer is checked."""

import asyncio
import socket

import pytest

from babelsift.pipelines.fetch.client import ImageClient
from babelsift.pipelines.fetch.failure import FetchFailureError
from babelsift.pipelines.fetch.resolving.address import AddressPolicy
from babelsift.pipelines.fetch.resolving.dns_lookup import DnsLookup
from babelsift.pipelines.fetch.resolving.resolver import Addresses, CheckedResolver
from babelsift.schemas import RejectReason
from tests.support.hostile_web import answer
from tests.support.name_server import NameServer
from tests.support.one_fetch import BODY, LOOPBACK, fetch, outcome

PICTURES = {"pictures.test": ("127.0.0.1", 60)}


def with_servers(*servers):
    return {"name_servers": tuple(server if isinstance(server, str) else server.address for server in servers)}


def test_a_host_is_asked_for_once_whatever_is_under_way(hostile_web):
    with NameServer(PICTURES) as server:
        settings = LOOPBACK.model_copy(update=with_servers(server) | {"connections_per_host": 4})
        urls = [hostile_web.url(f"/{number}", host="pictures.test") for number in range(20)]
        for number in range(20):
            hostile_web.on(f"/{number}", answer(BODY))

        async def run():
            async with ImageClient(settings) as client:
                return await asyncio.gather(*map(client.fetch, urls))

        assert [fetched.body for fetched in asyncio.run(run())] == [BODY] * 20
        assert server.asked == {"pictures.test": 1}


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def resolving(hosts, lookup, clock, *, between=lambda turn: None):
    """Resolves hosts one after another by one resolver; returns addresses, or the reason and the detail."""
    resolver = CheckedResolver(AddressPolicy(), lookup, timeout_s=10, clock=clock)

    async def run():
        results = []
        for turn, host in enumerate(hosts):
            between(turn)
            try:
                results.append([result["host"] for result in await resolver.resolve(host)])
            except FetchFailureError as error:
                results.append((error.reason, error.detail, error.retry))
        return results

    return asyncio.run(run())


def test_an_answer_holds_as_long_as_it_says_and_the_next_one_is_checked_anew():
    clock, asked = Clock(), []
    answers = iter([Addresses(["8.8.8.8"], ttl_s=30), Addresses(["10.0.0.1"], ttl_s=30)])

    async def lookup(host):
        asked.append(clock.now)
        return next(answers)

    def between(turn):
        clock.now += 0 if turn == 0 else 15

    results = resolving(["a.test"] * 4, lookup, clock, between=between)
    assert results == [
        ["8.8.8.8"],
        ["8.8.8.8"],
        *[(RejectReason.ADDRESS_REFUSED, "private address 10.0.0.1", False)] * 2,
    ]
    assert asked == [1000.0, 1030.0]


@pytest.mark.parametrize(("ttl_s", "holds_s"), [(0, 1), (10**9, 3600), (None, 300)])
def test_answers_hold_within_bounds(ttl_s, holds_s):
    clock, asked = Clock(), []

    async def lookup(host):
        asked.append(clock.now)
        return Addresses(["8.8.8.8"], ttl_s=ttl_s)

    def between(turn):
        clock.now = 1000.0 + [0, holds_s - 0.5, holds_s][turn]

    resolving(["a.test"] * 3, lookup, clock, between=between)
    assert asked == [1000.0, 1000.0 + holds_s]


def test_a_failure_to_ask_is_no_answer_and_an_older_answer_is_better_than_none():
    clock, answers = Clock(), []

    async def lookup(host):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    trouble = socket.gaierror(socket.EAI_AGAIN, "no name server answers")
    answers += [trouble, Addresses(["8.8.8.8"], ttl_s=30), trouble, trouble]

    def between(turn):
        clock.now += [0, 0, 31, 100_000][turn]

    failed = (RejectReason.DNS_FAILURE, "no name server answers", True)
    assert resolving(["a.test"] * 4, lookup, clock, between=between) == [failed, ["8.8.8.8"], ["8.8.8.8"], failed]


def test_a_name_of_a_private_address_is_refused(hostile_web):
    with NameServer({"inside.test": ("10.0.0.1", 60)}) as server:
        fetched = fetch("http://inside.test/a.jpg", **with_servers(server))
    assert outcome(fetched) == (RejectReason.ADDRESS_REFUSED, "private address 10.0.0.1")


def test_a_name_that_no_server_has_is_asked_for_once():
    with NameServer({}) as server:
        fetched = fetch("http://gone.test/a.jpg", **with_servers(server))
        assert outcome(fetched) == (RejectReason.DNS_FAILURE, "Domain name not found")
        assert server.asked == {"gone.test": 1}


def test_servers_in_trouble_are_asked_again_and_named_as_the_reason():
    with NameServer(PICTURES) as server:
        server.is_failing = True
        fetched = fetch("http://pictures.test/a.jpg", retries=2, **with_servers(server))
        assert outcome(fetched) == (RejectReason.DNS_FAILURE, "DNS server returned general failure")
        assert fetched.attempts == 3
        assert server.asked["pictures.test"] >= 3


def test_the_next_server_is_asked_where_one_is_dead(hostile_web):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{dead.getsockname()[1]}"
    url = hostile_web.url("/a", host="pictures.test")
    hostile_web.on("/a", answer(BODY))
    with NameServer(PICTURES) as server:
        assert fetch(url, **with_servers(nobody, server)).body == BODY


def test_the_users_search_domains_are_heeded(monkeypatch):
    monkeypatch.setenv("LOCALDOMAIN", "intranet.test")

    async def look_up(server):
        lookup = DnsLookup([server.address])
        try:
            return await lookup("pictures")
        finally:
            await lookup.close()

    with NameServer({"pictures.intranet.test": ("8.8.8.8", 60)}) as server:
        answer = asyncio.run(look_up(server))
    assert (answer, answer.ttl_s) == (["8.8.8.8"], 60)


@pytest.mark.parametrize(
    ("value", "problem"), [("ns.example", "no address of a name server"), ("192.0.2.1:99999", "no port 99999")]
)
def test_a_name_server_is_an_address(value, problem):
    with pytest.raises(ValueError, match=problem):
        type(LOOPBACK)(name_servers=[value])
    assert type(LOOPBACK)(name_servers=["192.0.2.53", "192.0.2.53:5353", "2001:db8::1", "[2001:db8::1]:53"])
