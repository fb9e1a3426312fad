"""A damaged record costs itself alone, however it is damaged; and what lies behind it is read."""

import io

import pytest

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
