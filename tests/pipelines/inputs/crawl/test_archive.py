"""A damaged record costs itself alone, however it is damaged; and what lies behind it is read."""

import io
import struct

import pytest
import zstandard

from babelsift.pipelines.inputs.crawl.archive import DamagedRecord, read_records
from babelsift.schemas import InputError
from tests.support.crawl_files import member, metadata_record


def record(number, *, compressed=True, length=None, size=400):
    content = b'{"number": %d, "rest": "%s"}' % (number, b"x" * size)
    return metadata_record(f"http://example.org/{number}", content, compressed=compressed, length=length)


def outcomes(content, **settings):
    """Numbers of the records that were read, and the problems in their places."""
    outcome = []
    for one in read_records(io.BytesIO(content), wanted=lambda _: True, **settings):
        if isinstance(one, DamagedRecord):
            outcome.append("damaged")
        else:
            outcome.append(int(one.header.headers["WARC-Target-URI"].rsplit("/", 1)[1]))
    return outcome


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]


WHOLE = [record(number) for number in range(6)]


@pytest.mark.parametrize("compressed", [True, False])
def test_every_record_is_read_with_its_place(compressed):
    records = [record(number, compressed=compressed) for number in range(4)]
    found = list(read_records(io.BytesIO(b"".join(records)), wanted=lambda _: True))
    assert [one.offset for one in found] == [sum(map(len, records[:number])) for number in range(4)]
    assert [one.content[:12] for one in found] == [b'{"number": %d' % number for number in range(4)]


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(flipped(WHOLE[2], len(WHOLE[2]) // 2), id="a bit in its content"),
        pytest.param(WHOLE[2][: len(WHOLE[2]) // 2], id="cut"),
        pytest.param(WHOLE[2][:-8] + b"abcdefgh", id="another checksum"),
        pytest.param(member(b"no record at all, but compressed"), id="no header"),
        pytest.param(b"garbage" * 30, id="garbage"),
        pytest.param(record(2, length=10**9), id="a length of a gigabyte"),
        pytest.param(record(2, length=5000), id="a length beyond the end"),
    ],
)
def test_a_damaged_record_costs_itself_alone(damaged):
    content = b"".join([*WHOLE[:2], damaged, *WHOLE[3:]])
    assert [one for one in outcomes(content) if one not in (2, "damaged")] == [0, 1, 3, 4, 5]
    assert len(outcomes(content)) == 6


def test_damaged_records_in_a_row_cost_themselves_alone():
    bad = [flipped(one, len(one) // 2) for one in WHOLE]
    assert outcomes(b"".join([bad[0], bad[1], WHOLE[2], bad[3], WHOLE[4], bad[5]])) == [
        "damaged",
        "damaged",
        2,
        "damaged",
        4,
        "damaged",
    ]


def test_a_file_that_breaks_off_says_so():
    assert outcomes(b"".join([*WHOLE[:3], WHOLE[3][:60]])) == [0, 1, 2, "damaged"]


def zstd(content, dictionary=None):
    return zstandard.ZstdCompressor(write_checksum=True, dict_data=dictionary).compress(content)


PLAIN = [record(number, compressed=False, size=40) for number in range(6)]
PACKED = {"plain": PLAIN, "gzip": [member(one) for one in PLAIN], "zstd": [zstd(one) for one in PLAIN]}


@pytest.mark.parametrize("packing", PACKED)
def test_wherever_a_file_is_cut_a_row_says_so(packing):
    records = PACKED[packing][:3]
    ends = [sum(map(len, records[:number])) for number in range(1, 4)]
    content = b"".join(records)
    blank = 4 if packing == "plain" else 0  # line ends behind a plain record, of which none is missed
    for cut in range(1, len(content), 5):
        whole = [number for number, end in enumerate(ends) if end - blank <= cut]
        is_between = any(end - blank <= cut <= end for end in ends)
        found = outcomes(content[:cut])
        assert (found[: len(whole)], "damaged" in found) == (whole, not is_between), cut


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("number", range(6))
def test_a_records_beginning_that_is_damaged_costs_it_alone(packing, number):
    records = list(PACKED[packing])
    records[number] = b"\xff" * 8 + records[number][8:]
    assert outcomes(b"".join(records)) == [*range(number), "damaged", *range(number + 1, 6)]


def dictionary_frame(dictionary):
    return struct.pack("<II", 0x184D2A5D, len(dictionary)) + dictionary


@pytest.mark.parametrize("is_packed", [False, True])
def test_zstd_records_that_share_a_dictionary_are_read_behind_a_damaged_one(is_packed):
    dictionary = zstandard.train_dictionary(2000, [record(number, compressed=False) for number in range(200)])
    raw = dictionary.as_bytes()
    records = [zstd(one, dictionary) for one in PLAIN]
    head = dictionary_frame(zstandard.compress(raw) if is_packed else raw)
    assert outcomes(head + b"".join(records)) == list(range(6))
    records[2] = flipped(records[2], len(records[2]) - 6)
    found = list(read_records(io.BytesIO(head + b"".join(records)), wanted=lambda _: True))
    places = [len(head) + sum(map(len, records[:number])) for number in range(6)]
    assert [(one.offset, isinstance(one, DamagedRecord)) for one in found] == [
        (place, number == 2) for number, place in enumerate(places)
    ]


@pytest.mark.parametrize("pack", [member, zstd])
def test_records_of_a_file_that_is_one_member_are_at_its_beginning(pack):
    content = pack(b"".join(PLAIN))
    found = list(read_records(io.BytesIO(content), wanted=lambda _: True))
    assert [(one.offset, isinstance(one, DamagedRecord)) for one in found] == [(0, False)] * 6
    assert outcomes(content[:-9])[-1] == "damaged"


def test_plain_records_are_found_again_behind_a_damaged_one():
    records = [record(number, compressed=False) for number in range(5)]
    records[2] = b"garbage that is no record\r\n" * 5
    assert [one for one in outcomes(b"".join(records)) if one != "damaged"] == [0, 1, 3, 4]


def test_a_record_that_is_too_long_is_not_read_and_costs_itself_alone():
    long = record(2, size=200_000)
    content = b"".join([*WHOLE[:2], long, *WHOLE[3:]])
    assert outcomes(content, max_record_bytes=100_000) == [0, 1, "damaged", 3, 4, 5]


def test_a_store_that_fails_is_no_damaged_record():
    class Failing(io.BytesIO):
        def read(self, *_):
            raise InputError("a.warc.gz: cannot be read")

        def readinto(self, _):
            raise InputError("a.warc.gz: cannot be read")

    with pytest.raises(InputError, match="cannot be read"):
        list(read_records(Failing(b"".join(WHOLE)), wanted=lambda _: True))
