import errno
import gzip
import socket

import pytest

from babelsift.pipelines.storage.errors import (
    PATIENCE_VARIABLE,
    Retries,
    default_retries,
    describe_storage_error,
    is_passing,
    is_storage_error,
    retrying,
    storage_failures,
)
from babelsift.schemas import InputError


def store_error(package, name, *bases, **attributes):
    """An error as a store's package raises it; the packages are extras, so their classes are made here."""
    kind = type(name, bases or (Exception,), {"__module__": f"{package}.exceptions"})
    error = kind("it did not work")
    for key, value in attributes.items():
        setattr(error, key, value)
    return error


def boto_error(status, code):
    response = {"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": code}}
    return store_error("botocore", "ClientError", response=response)


def caused(error, cause):
    error.__cause__ = cause
    return error


PASSING = [
    OSError(errno.EIO, "Input/output error"),
    OSError(errno.EBUSY, "SlowDown"),
    OSError(errno.ESTALE, "Stale file handle"),
    ConnectionResetError(errno.ECONNRESET, "reset"),
    TimeoutError("RequestTimeout"),
    socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    boto_error(503, "SlowDown"),
    boto_error(400, "RequestTimeout"),
    store_error("botocore", "EndpointConnectionError", type("ConnectionError", (Exception,), {})),
    store_error("botocore", "FlexibleChecksumError"),
    store_error("aiohttp", "ClientPayloadError"),
    store_error("aiohttp", "ClientResponseError", status=503),
    store_error("gcsfs", "HttpError", code="502"),
    store_error("google", "ServiceUnavailable", code=503),
    store_error("azure", "ServiceResponseError"),
    store_error("azure", "HttpResponseError", status_code=429),
    store_error("fsspec", "FSTimeoutError", TimeoutError),
    caused(FileNotFoundError("http://store/a.csv"), store_error("aiohttp", "ClientResponseError", status=503)),
]
LASTING = [
    FileNotFoundError(errno.ENOENT, "No such file"),
    PermissionError("AccessDenied"),
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EROFS, "Read-only file system"),
    IsADirectoryError(errno.EISDIR, "Is a directory"),
    boto_error(403, "AccessDenied"),
    boto_error(404, "NoSuchBucket"),
    caused(OSError(errno.EIO, "an error of a kind that s3fs does not know"), boto_error(405, "MethodNotAllowed")),
    store_error("botocore", "NoCredentialsError"),
    store_error("aiohttp", "ClientConnectorCertificateError", type("ClientConnectionError", (Exception,), {})),
    store_error("google", "DefaultCredentialsError"),
    store_error("gcsfs", "HttpError", code=401),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_outages_can_pass(error):
    assert is_storage_error(error)
    assert is_passing(error)
    assert "run the same command again" in describe_storage_error(error)


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_refusals_and_what_is_not_there_do_not_pass(error):
    assert is_storage_error(error)
    assert not is_passing(error)


@pytest.mark.parametrize("error", [gzip.BadGzipFile("not gzipped"), EOFError(), ValueError("x"), KeyError("x")])
def test_what_a_reader_dislikes_is_no_error_of_storage(error):
    assert not is_storage_error(error)
    assert not is_passing(error)


def test_an_operation_is_tried_again_with_longer_and_longer_waits():
    waits, answers = [], iter([OSError(errno.EIO, "x"), TimeoutError(), "read"])

    def operation():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert retrying(operation, retries=Retries(attempts=4, first_wait_s=1.0, wait=waits.append)) == "read"
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize(
    ("error", "calls"), [(OSError(errno.EIO, "x"), 3), (FileNotFoundError("x"), 1), (ValueError("x"), 1)]
)
def test_what_does_not_pass_is_raised_as_it_is(error, calls):
    called = []

    def operation():
        called.append(1)
        raise error

    with pytest.raises(type(error)) as raised:
        retrying(operation, retries=Retries(attempts=3, wait=lambda seconds: None))
    assert raised.value is error
    assert len(called) == calls


def test_patience_can_be_set_in_the_environment(monkeypatch):
    monkeypatch.delenv(PATIENCE_VARIABLE, raising=False)
    assert default_retries().patience_s == pytest.approx(15.5)
    monkeypatch.setenv(PATIENCE_VARIABLE, "62")
    assert default_retries().patience_s == pytest.approx(62)
    monkeypatch.setenv(PATIENCE_VARIABLE, "long")
    assert default_retries() == Retries()


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "free space"),
        (store_error("botocore", "NoCredentialsError"), "credentials"),
        (boto_error(403, "AccessDenied"), "credentials"),
        (caused(FileNotFoundError("The bucket does not exist"), boto_error(404, "NoSuchBucket")), "bucket's name"),
    ],
)
def test_a_failure_is_one_line_with_the_remedy(error, remedy):
    with pytest.raises(InputError, match=remedy) as raised, storage_failures(InputError, "cannot read s3://b/a.csv"):
        raise error
    assert str(raised.value).startswith("cannot read s3://b/a.csv: ")
    assert "\n" not in str(raised.value)


def test_other_errors_are_not_touched():
    with pytest.raises(ZeroDivisionError), storage_failures(InputError, "cannot read"):
        _ = 1 / 0


def slow_failures(seconds_each):
    """Returns how often an operation is tried that fails after so many seconds, and how long that takes."""
    now, calls = [0.0], []

    def wait(seconds):
        now[0] += seconds

    def operation():
        calls.append(now[0])
        wait(seconds_each)
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    with pytest.raises(ConnectionResetError):
        retrying(operation, retries=Retries(wait=wait, clock=lambda: now[0]))
    return len(calls), now[0]


@pytest.mark.parametrize(
    ("seconds_each", "attempts", "seconds"), [(0, 6, 15.5), (1, 6, 21.5), (5, 3, 16.5), (60, 3, 181.5)]
)
def test_what_takes_long_to_fail_is_tried_less_often(seconds_each, attempts, seconds):
    assert slow_failures(seconds_each) == (attempts, seconds)


def test_whoever_waits_for_a_store_that_does_not_answer_is_told(caplog):
    now = [0.0]

    def silent():
        now[0] += 15
        raise TimeoutError("Read timeout on endpoint URL")

    with pytest.raises(TimeoutError):
        retrying(silent, retries=Retries(wait=lambda seconds: None, clock=lambda: now[0]))
    assert caplog.messages == ["storage: Read timeout on endpoint URL; trying again"] * 3


def test_a_quick_failure_that_passes_is_not_told(caplog):
    failures = [OSError(errno.EIO, "Input/output error")]

    def operation():
        if failures:
            raise failures.pop()

    retrying(operation, retries=Retries(wait=lambda seconds: None))
    assert caplog.messages == []
