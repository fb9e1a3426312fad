import bz2
import gzip
import io
import zipfile

import pytest
import zstandard

from babelsift.pipelines.inputs.tables.compression import BROKEN_CONTENT, decompressed

CONTENT = b"".join(b"%d caption\n" % (row * 7919 % 10007) for row in range(20_000))
SKIPPED = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"  # a frame that holds no content, as pzstd writes


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


WHOLE = {
    "gzip": [gzip.compress(CONTENT), gzip.compress(CONTENT[:99]) + gzip.compress(CONTENT[99:])],
    "zstd": [
        zstandard.compress(CONTENT),
        zstandard.ZstdCompressor(write_checksum=True).compress(CONTENT),
        zstandard.compress(CONTENT[:99]) + zstandard.compress(CONTENT[99:]),
        SKIPPED + zstandard.compress(CONTENT[:99]) + SKIPPED + zstandard.compress(CONTENT[99:]) + SKIPPED,
    ],
    "zip": [zipped(("a.csv", CONTENT)), zipped(("in/", b""), ("in/a.csv", CONTENT), ("__MACOSX/._a.csv", b"x"))],
    None: [CONTENT],
}


def read(content, compression):
    with decompressed(io.BytesIO(content), compression) as stream:
        return stream.read()


@pytest.mark.parametrize(
    ("compression", "content"), [(name, content) for name, contents in WHOLE.items() for content in contents]
)
def test_a_whole_file_is_read_whatever_its_frames(compression, content):
    assert read(content, compression) == CONTENT


@pytest.mark.parametrize("compression", ["gzip", "zstd", "zip"])
def test_a_file_that_is_cut_anywhere_is_never_taken_for_whole(compression):
    whole = WHOLE[compression][0]
    for cut in [*range(1, 40), len(whole) // 2, *range(len(whole) - 12, len(whole))]:
        with pytest.raises(BROKEN_CONTENT):
            read(whole[:cut], compression)


@pytest.mark.parametrize("compression", ["gzip", "zstd", "zip"])
@pytest.mark.parametrize("content", [b"url,caption\n", bz2.compress(CONTENT), b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
def test_what_is_something_else_is_an_error(compression, content):
    with pytest.raises(BROKEN_CONTENT):
        read(content, compression)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_what_follows_the_content_is_an_error(compression):
    with pytest.raises(BROKEN_CONTENT):
        read(WHOLE[compression][0] + b"garbage", compression)


@pytest.mark.parametrize("members", [[], [("a.csv", CONTENT), ("b.csv", CONTENT)]])
def test_an_archive_of_another_number_of_files_is_an_error(members):
    with pytest.raises(BROKEN_CONTENT, match=f"of {len(members)} files; unpack it"):
        read(zipped(*members), "zip")


def test_an_archive_that_needs_a_password_is_an_error():
    locked = bytearray(zipped(("a.csv", CONTENT)))
    locked[6] |= 1
    locked[locked.rindex(b"PK\1\2") + 8] |= 1
    with pytest.raises(BROKEN_CONTENT, match="password"):
        read(bytes(locked), "zip")


def test_a_changed_byte_is_an_error():
    checked = bytearray(WHOLE["zstd"][1])
    checked[len(checked) // 2] ^= 1
    with pytest.raises(BROKEN_CONTENT):
        read(bytes(checked), "zstd")
    zipped = bytearray(WHOLE["gzip"][0])
    zipped[len(zipped) // 2] ^= 1
    with pytest.raises(BROKEN_CONTENT):
        read(bytes(zipped), "gzip")


def test_a_bomb_is_read_in_pieces():
    bomb = zstandard.compress(bytes(1 << 28))
    with decompressed(io.BytesIO(bomb), "zstd") as stream:
        assert sum(len(stream.read(1 << 20)) for _ in range(256)) == 1 << 28
