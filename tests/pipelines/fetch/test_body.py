"""A body put together from whatever pieces it comes in."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.fetch.body import BodyDecoder

BODY = b"\xff\xd8" + bytes(range(256)) * 1200


@given(st.lists(st.integers(0, len(BODY)), max_size=12), st.sampled_from([None, "gzip", "deflate"]))
def test_however_it_is_cut_it_is_the_same(cuts, coding):
    sent = {None: BODY, "gzip": gzip.compress(BODY), "deflate": zlib.compress(BODY)}[coding]
    ends = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
    decoder = BodyDecoder(coding, max_bytes=len(BODY))
    for start, end in pairwise(ends):
        decoder.feed(sent[start:end])
    assert len(decoder) == len(BODY)
    assert decoder.begin(1000) == BODY[:1000]
    assert decoder.finish() == BODY


def test_said_to_be_packed_and_not():
    decoder = BodyDecoder("gzip", max_bytes=len(BODY))
    for start in range(0, len(BODY), 100_000):
        decoder.feed(BODY[start : start + 100_000])
    assert decoder.finish() == BODY


def test_one_piece_is_not_copied():
    decoder = BodyDecoder(None, max_bytes=len(BODY))
    decoder.feed(BODY)
    assert decoder.finish() is BODY


@pytest.mark.parametrize("first", [b"", bytes(100_000)])
def test_a_body_that_drips_takes_little_more_memory_than_itself(first):
    decoder = BodyDecoder(None, max_bytes=2**20)
    decoder.feed(first)
    tracemalloc.start()
    try:
        for number in range(200_000):
            decoder.feed(b"%c" % (number % 256))
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
    assert decoder.finish() == first + bytes(range(256)) * 781 + bytes(range(64))
