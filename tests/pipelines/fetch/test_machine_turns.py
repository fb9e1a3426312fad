"""Turns that several processes take: here several who opened the table for themselves, as processes do."""

import asyncio
import os
import time

import pytest

from babelsift.pipelines.fetch.limits import HostPace
from babelsift.pipelines.fetch.machine_turns import MachineTurns

PROCESSES, TURNS, APART_S = 4, 3, 0.02


@pytest.fixture
def tables(tmp_path):
    opened = [MachineTurns(tmp_path / "turns") for _ in range(PROCESSES)]
    yield opened
    for table in opened:
        table.close()


def test_a_host_sees_the_pace_whoever_asks(tables):
    taken = []

    async def ask(pace):
        for _ in range(TURNS):
            await pace.turn("a.example")
            taken.append(time.monotonic())

    async def all_at_once():
        await asyncio.gather(*(ask(HostPace(1 / APART_S, table)) for table in tables))

    asyncio.run(all_at_once())
    assert len(taken) == PROCESSES * TURNS
    # A turn may be used late, never early.
    assert max(taken) - min(taken) >= (len(taken) - 2) * APART_S


def test_other_hosts_do_not_wait_and_a_turn_that_was_not_used_holds_nobody_up(tables):
    first, second = tables[:2]
    assert first.take("a.example", 3600) == 0
    assert 3500 < second.take("a.example", 1) <= 3600
    assert second.take("b.example", 1) == 0
    assert second.take("c.example", 0) == 0
    assert first.take("c.example", 0) == 0


def test_a_link_in_its_place_is_refused(tmp_path):
    os.symlink(tmp_path / "elsewhere", tmp_path / "turns")
    with pytest.raises(OSError, match="symbolic link"):
        MachineTurns(tmp_path / "turns")
    assert not (tmp_path / "elsewhere").exists()
