from __future__ import annotations

import asyncio

import pytest

from babelsift.pipelines.fetch.deadline import Deadline


async def never():
    await asyncio.get_running_loop().create_future()


def test_what_ends_in_time_is_left_alone():
    async def run():
        with Deadline(60):
            await asyncio.sleep(0)
            return "done"

    assert asyncio.run(run()) == "done"


@pytest.mark.parametrize("seconds", [0.01, 0, -1])
def test_what_does_not_end_is_ended(seconds):
    async def run():
        with pytest.raises(asyncio.TimeoutError), Deadline(seconds):
            await never()
        await asyncio.sleep(0.001)  # the task goes on, its cancellation taken back
        return asyncio.current_task().cancelling() if hasattr(asyncio.Task, "cancelling") else 0

    assert asyncio.run(run()) == 0


def test_the_inner_of_two_ends_first():
    async def run():
        with Deadline(60):
            with pytest.raises(asyncio.TimeoutError), Deadline(0.01):
                await never()
            return "outer goes on"

    assert asyncio.run(run()) == "outer goes on"


def test_the_outer_of_two_ends_both():
    async def run():
        with Deadline(0.01), Deadline(60):
            await never()

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(run())


def test_errors_within_pass():
    async def run():
        with Deadline(60):
            raise ValueError("own")

    with pytest.raises(ValueError, match="own"):
        asyncio.run(run())


def test_who_cancels_the_task_is_heard():
    async def run():
        entered = asyncio.Event()

        async def waiting():
            with Deadline(60):
                entered.set()
                await never()

        task = asyncio.ensure_future(waiting())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert asyncio.run(run())


def test_no_timer_is_left_behind(monkeypatch):
    timers = []

    async def run():
        loop = asyncio.get_running_loop()
        call_later = loop.call_later
        monkeypatch.setattr(loop, "call_later", lambda *arguments: timers.append(call_later(*arguments)) or timers[-1])
        with Deadline(60):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert [timer.cancelled() for timer in timers] == [True]


def test_while_it_is_paused_no_time_passes_and_then_its_clock_goes_on():
    ended = []

    async def wait():
        with Deadline(0.01) as deadline:
            with deadline.paused():
                await asyncio.sleep(0.05)
                ended.append("pause")
            await never()

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(wait())
    assert ended == ["pause"]
