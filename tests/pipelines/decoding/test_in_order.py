from __future__ import annotations

import contextlib

from babelsift.filters.image import ImageFailure
from babelsift.pipelines.decoding import OF_THE_MACHINE, ImageDecoders
from babelsift.schemas import RejectReason
from tests.support import odd_decoders


def test_images_come_back_in_their_order():
    bodies = [b"%d" % number if number % 7 else None for number in range(40)]
    with contextlib.closing(ImageDecoders(odd_decoders.act, timeout_s=300.0)) as decoders:
        results = list(decoders.in_order(bodies))
    assert [None if result is None else result[0] for result in results] == bodies


def test_what_a_decoder_dies_of_is_a_failure_of_the_machine():
    with contextlib.closing(ImageDecoders(odd_decoders.act, timeout_s=2.0)) as decoders:
        stopped, crashed = decoders.in_order([odd_decoders.STOPS, odd_decoders.CRASHES])
    assert stopped == ImageFailure(RejectReason.DECODE_TIMEOUT, "10 s")
    assert crashed == ImageFailure(RejectReason.DECODER_CRASHED, "signal SIGSEGV")
    assert {stopped.reason, crashed.reason} == OF_THE_MACHINE
