"""Decoders that stand still, die and complain; a timeout is short here only where the image is one that never ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from babelsift.filters.image import ImageFailure, process_image
from babelsift.pipelines.decoding import DecoderCrashedError, DecoderPool, DecodeTimeoutError
from babelsift.schemas.recipe import DownloadSettings
from tests.support import odd_decoders
from tests.support.damaged_jpegs import BASELINE, DAMAGED, NEARLY_WHOLE, PROGRESSIVE, RESTARTS
from tests.support.hostile_web import encoded, photo
from tests.support.process_tree import parent_of, state_of


@pytest.fixture
def opened():
    """opened(function, **options) -> DecoderPool, closed in the end."""
    pools = []

    def open_pool(function, *, decoders=1, timeout_s=300.0):
        pools.append(DecoderPool(function, decoders=decoders, timeout_s=timeout_s))
        return pools[-1]

    yield open_pool
    for pool in pools:
        pool.close()


def test_a_decoder_has_one_image_after_the_other(opened):
    pool = opened(odd_decoders.act)
    large = os.urandom(20_000_000)  # more than a socket takes at once
    results = [pool.decode(body, "argument") for body in (b"", b"an image", large)]
    assert [body for body, _, _ in results] == [b"", b"an image", large]
    assert {arguments for _, arguments, _ in results} == {("argument",)}
    assert len({pid for _, _, pid in results}) == 1
    assert results[0][2] != os.getpid()


def test_what_it_makes_of_an_image_is_what_is_made_of_it_here(opened):
    body, settings = encoded(photo(1, (300, 200))), DownloadSettings(image_size=64)
    assert opened(partial(process_image, settings=settings)).decode(body) == process_image(body, settings)


def test_what_a_decoder_hears_finds_each_damaged_jpeg(opened):
    """Only those are read code by code that libjpeg complains of, or that look as if it might not."""
    settings = DownloadSettings()
    pool = opened(partial(process_image, settings=settings))
    whole = {"BASELINE": BASELINE, "PROGRESSIVE": PROGRESSIVE, "RESTARTS": RESTARTS}
    for name, body in {**DAMAGED, **whole, **NEARLY_WHOLE}.items():
        assert pool.decode(body) == process_image(body, settings), name
        assert isinstance(pool.decode(body), ImageFailure) == (name in DAMAGED), name


def test_as_many_at_once_as_there_are_decoders(opened):
    pool = opened(odd_decoders.act, decoders=2)
    with ThreadPoolExecutor(8) as threads:
        pids = {pid for _, _, pid in threads.map(pool.decode, [b"%d" % number for number in range(100)])}
    assert 1 <= len(pids) <= 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (odd_decoders.SPINS, r"0\.2 s of CPU time|1 s"),  # a busy machine gives no CPU time
        (odd_decoders.SLEEPS, "1 s"),
        (odd_decoders.STOPS, "1 s"),
    ],
)
def test_who_stands_still_is_ended_and_another_goes_on(opened, body, said):
    pool = opened(odd_decoders.act, timeout_s=0.2)
    with pytest.raises(DecodeTimeoutError, match=f"^({said})$"):
        pool.decode(body)
    patient = opened(odd_decoders.act)
    assert patient.decode(b"an image")[0] == b"an image"


def test_a_decoder_of_the_same_pool_goes_on(opened):
    pool = opened(odd_decoders.act, timeout_s=2.0)
    _, _, first = pool.decode(b"an image")
    with pytest.raises(DecodeTimeoutError):
        pool.decode(odd_decoders.SPINS)
    _, _, second = pool.decode(b"an image")
    assert first != second
    while state_of(first):  # nor does a zombie stay
        pass


@pytest.mark.parametrize(("body", "said"), [(odd_decoders.CRASHES, "SIGSEGV"), (odd_decoders.IS_KILLED, "SIGKILL")])
def test_who_dies_of_an_image_is_told_of_what(opened, body, said):
    pool = opened(odd_decoders.act)
    with pytest.raises(DecoderCrashedError, match=f"^signal {said}$"):
        pool.decode(body)
    assert pool.decode(b"an image")[0] == b"an image"


def test_an_image_whose_decoder_was_killed_is_decoded_again(opened, tmp_path):
    assert opened(odd_decoders.die_once).decode(b"an image", str(tmp_path / "died")) == b"an image"
    assert (tmp_path / "died").exists()


def test_a_decoder_killed_between_two_images_costs_none(opened):
    pool = opened(odd_decoders.act)
    _, _, first = pool.decode(b"one")
    os.kill(first, signal.SIGKILL)
    body, _, second = pool.decode(b"two")
    assert body == b"two"
    assert first != second


def test_decoders_that_die_with_their_host_are_replaced(opened):
    pool = opened(odd_decoders.act)
    _, _, first = pool.decode(b"one")
    os.kill(parent_of(first), signal.SIGKILL)
    assert pool.decode(b"two")[0] == b"two"


@pytest.mark.slow
def test_a_host_that_stands_still_is_replaced():
    pool = DecoderPool(odd_decoders.act, decoders=1, timeout_s=300.0)
    _, _, first = pool.decode(b"one")
    stopped = parent_of(first)
    pool.close()
    os.kill(stopped, signal.SIGSTOP)
    impatient = DecoderPool(odd_decoders.act, decoders=1, timeout_s=300.0, start_s=0.5)
    with contextlib.suppress(DecoderCrashedError):  # the next one need not be there in time either
        impatient.decode(b"two")
    impatient.close()
    patient = DecoderPool(odd_decoders.act, decoders=1, timeout_s=300.0)
    body, _, last = patient.decode(b"three")
    assert body == b"three"
    assert parent_of(last) != stopped
    assert state_of(stopped) == ""
    patient.close()


def test_what_the_function_raises_is_raised(opened):
    pool = opened(odd_decoders.fail)
    with pytest.raises(ValueError, match="a value"):
        pool.decode(b"value")
    with pytest.raises(RuntimeError, match="UnpicklableError: of two arguments"):
        pool.decode(b"unpicklable")
    with pytest.raises(DecoderCrashedError, match="out of memory"):
        pool.decode(b"memory")
    with pytest.raises(KeyError):
        pool.decode(b"another")


def test_what_is_written_to_stderr_is_heard_once_and_goes_nowhere(opened, capfd):
    pool = opened(odd_decoders.chatter)
    assert pool.decode(b"") == (False, False)
    assert pool.decode(b"Corrupt JPEG data") == (True, False)
    assert pool.decode(b"x" * 100_000) == (True, False)
    assert pool.decode(b"") == (False, False)
    assert capfd.readouterr().err == ""


def test_two_large_images_are_in_memory_at_once(opened, tmp_path):
    pool = opened(odd_decoders.hold_memory, decoders=4)
    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(lambda _: pool.decode(b"", str(tmp_path)), range(40)))
    assert all(1 <= len(others) <= 2 for others in seen)


def test_who_is_ended_while_it_holds_memory_gives_it_back(opened, tmp_path):
    pool = opened(_hold_and_stop, timeout_s=0.2)
    for _ in range(3):
        with pytest.raises(DecodeTimeoutError):
            pool.decode(odd_decoders.STOPS)


def _hold_and_stop(body, **options):
    with options["large_images"]:
        return odd_decoders.act(body)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the signal at a parent's death is Linux's")
def test_all_end_with_whoever_started_them():
    code = (
        "import os\n"
        "from babelsift.pipelines.decoding import DecoderPool\n"
        "from tests.support import odd_decoders\n"
        "pool = DecoderPool(odd_decoders.act, decoders=1, timeout_s=300)\n"
        "print(pool.decode(b'one')[2], flush=True)\n"
        "pool.decode(odd_decoders.STOPS)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as started:
        decoder = int(started.stdout.readline())
        while state_of(decoder) != "T":
            pass
        started.kill()
        # the output is at its end when nobody can write to it any more, and host and decoder could
        assert started.stdout.read() == b""
