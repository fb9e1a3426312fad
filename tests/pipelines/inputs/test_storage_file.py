import errno
import io

import pytest

from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.inputs.storage_file import StorageFile
from babelsift.pipelines.storage.errors import Retries
from babelsift.schemas import InputError
from tests.support.faulty_filesystem import FaultyFileSystem, fail, faulty_files, know_no_ranges

CONTENT = bytes(range(256)) * 40
FILE = InputFile("faulty://a/file.csv", "file.csv")


@pytest.fixture
def waits():
    with faulty_files({"/a/file.csv": CONTENT}):
        yield []


def read(waits, size=1000):
    with StorageFile(FILE, retries=Retries(attempts=4, first_wait_s=1.0, wait=waits.append)) as file:
        return b"".join(iter(lambda: file.read(size), b""))


def eio():
    return OSError(errno.EIO, "Input/output error")


def test_a_file_is_read_from_any_offset(waits):
    with StorageFile(FILE) as file:
        assert (file.read(3), file.tell()) == (CONTENT[:3], 3)
        assert file.seek(-5, io.SEEK_END) == len(CONTENT) - 5
        assert file.read() == CONTENT[-5:]
        assert file.read(1) == b""
        assert file.seek(2) + file.seek(2, io.SEEK_CUR) == 6
        assert file.read(2) == CONTENT[4:6]


@pytest.mark.parametrize("operation", ["info", "open", "read"])
@pytest.mark.parametrize("after", [0, 3])
def test_a_read_that_fails_for_a_while_goes_on_where_it_was(waits, operation, after):
    met = fail(operation, eio, times=3, after=after)
    assert read(waits) == CONTENT
    assert waits == ([1.0, 2.0, 4.0] if met else [])


@pytest.mark.parametrize("operation", ["info", "open", "read"])
def test_one_that_fails_for_good_is_one_line(waits, operation):
    fail(operation, eio)
    with pytest.raises(InputError, match=r"faulty://a/file.csv: cannot be read: .*Input/output error; run the same"):
        read(waits)
    assert waits == [1.0, 2.0, 4.0]


def test_a_refusal_is_not_tried_again(waits):
    fail("open", lambda: PermissionError("Forbidden"))
    with pytest.raises(InputError, match="Forbidden; check the permissions"):
        read(waits)
    assert waits == []


def test_a_file_that_ends_too_early_is_not_taken_for_whole(waits):
    with StorageFile(FILE, retries=Retries(attempts=2, wait=waits.append)) as file:
        FaultyFileSystem().pipe_file("/a/file.csv", CONTENT[:5000])
        assert file.read(5000) == CONTENT[:5000]
        with pytest.raises(InputError, match="ends after 5000 of its 10240 bytes"):
            file.read(1)


def test_a_server_that_knows_no_ranges_is_read_from_a_copy(waits):
    know_no_ranges()
    with StorageFile(FILE) as file:
        file.seek(-3, io.SEEK_END)
        assert file.read() == CONTENT[-3:]
        file.seek(0)
        assert file.readall() == CONTENT
