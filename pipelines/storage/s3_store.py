"""A store on S3, or what speaks as it does: each commit is one request on a condition, see `run_folder.fence`.

A store that knows no conditions (it answers 501, or ignores them) is written to as any other object store.
Each operation is one request where it can be: s3fs's own ask for a size first, or list where a file is not there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsspec.asyn import sync

from babelsift.pipelines.storage.clock import seconds_of_this_machine
from babelsift.pipelines.storage.errors import causes, http_status, is_passing, retrying, s3_code
from babelsift.pipelines.storage.object_store import ObjectStore, Upload
from babelsift.pipelines.storage.remote_store import as_os_errors
from babelsift.pipelines.storage.seen_objects import seen_objects
from babelsift.pipelines.storage.store import Check, Entry
from babelsift.schemas import RunFolderError

_ABSENT = {"IfNoneMatch": "*"}
_NOT_THERE = ("NoSuchKey", "NoSuchUpload", "404")
_GUESSED_BYTES = 2**16
_Entries = list[Entry]  # within a class that has a method `list`


@dataclass(frozen=True)
class S3Store(ObjectStore):
    """See the module."""

    def upload(self, path: str, check: Check | None) -> Upload:
        """See `ObjectStore.upload`."""
        return _Upload(self, path, None) if check is None else _ConditionalUpload(self, path, check)

    def read(self, path: str) -> bytes:
        """See `Store.read`: one request, which tells what the object is like; what is large is read by `open`."""
        asked = seconds_of_this_machine()
        try:
            content, tag = self.retried(lambda: self._whole(path))
        except FileNotFoundError:
            seen_objects.add(self.path(path), None, asked)
            raise
        self._note(path, tag, asked)
        return content

    def _whole(self, path: str) -> tuple[bytes, str | None]:
        answer = self._call("get_object", path)
        try:
            return sync(self.fs.loop, answer["Body"].read), _tag_in(answer)
        finally:
            answer["Body"].close()

    def _note(self, path: str, tag: str | None, asked: float) -> None:
        """Remembers an object that is there; of one that has no tag, as servers have it that show a disk, nothing."""
        if tag is not None:
            seen_objects.add(self.path(path), tag, asked)

    def lets_one_create(self, path: str, content: bytes) -> bool:
        """See `Store.lets_one_create`."""
        try:
            as_os_errors(lambda: self.fs.pipe_file(self.path(path), content, mode="create"))
        except OSError as error:
            return _is_changed(error)
        return False

    def size(self, path: str) -> int:
        """See `Store.size`."""
        asked = seconds_of_this_machine()
        answer = self.retried(lambda: self._call("head_object", path))
        self._note(path, _tag_in(answer), asked)
        return int(answer["ContentLength"])

    def exists(self, path: str) -> bool:
        """See `Store.exists`."""
        try:
            self.size(path)
        except FileNotFoundError:
            return bool(next(self._pages(path, MaxKeys=1)).get("Contents"))
        return True

    def list(self, folder: str) -> _Entries:
        """See `Store.list`."""
        asked = seconds_of_this_machine()
        entries: list[Entry] = []
        tags: dict[str, str] = {}
        _, prefix = self._bucket_and_prefix(folder)
        for page in self._pages(folder, Delimiter="/"):
            for item in page.get("CommonPrefixes", ()):
                entries.append(Entry(item["Prefix"].removeprefix(prefix).rstrip("/"), True, None))
            for item in page.get("Contents", ()):
                if name := item["Key"].removeprefix(prefix):  # not the folder's own marker
                    entries.append(Entry(name, False, int(item["Size"])))
                    tags[self.path(folder, name)] = item["ETag"]
        folders = [entry.name for entry in entries if entry.is_folder]
        seen_objects.add_listing(self.path(folder).rstrip("/"), tags, asked, folders=folders)
        return sorted((entry for entry in entries if entry.name), key=lambda entry: entry.name)

    def find(self, folder: str) -> dict[str, int]:
        """See `Store.find`."""
        asked = seconds_of_this_machine()
        sizes: dict[str, int] = {}
        tags: dict[str, dict[str, str]] = {self.path(folder).rstrip("/"): {}}
        for path, item in self._below(folder):
            sizes[path] = int(item["Size"])
            tags.setdefault(posixpath.dirname(self.path(path)), {})[self.path(path)] = item["ETag"]
        for parent, inside in tags.items():
            seen_objects.add_listing(parent, inside, asked)
        return dict(sorted(sizes.items()))

    def versions(self, folder: str) -> dict[str, str]:
        """See `Store.versions`."""
        return {path: f"{item['Size']} {item['ETag']} {item['LastModified']}" for path, item in self._below(folder)}

    def _below(self, folder: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yields the path and the properties of each object in a folder and below."""
        _, prefix = self._bucket_and_prefix(folder)
        for page in self._pages(folder):
            for item in page.get("Contents", ()):
                if not item["Key"].endswith("/"):  # a folder's own marker
                    yield posixpath.join(folder, item["Key"].removeprefix(prefix)), item

    def delete(self, path: str, *, check: Check | None = None) -> None:
        """See `Store.delete`."""
        if check is None:
            super().delete(path)
            seen_objects.add(self.path(path), None, seconds_of_this_machine())
            return

        def remove(condition: dict[str, str]) -> Any:
            return None if condition == _ABSENT else self._call("delete_object", path, **condition)

        self.commit_on_condition(path, check, remove, guess=None)

    def sweep(self, folders: Iterable[str]) -> None:
        """See `Store.sweep`: uploads in parts that nobody ended, which cost money until somebody does."""
        seen_objects.forget(self.root)
        bucket, prefix = self._bucket_and_prefix("")
        with contextlib.suppress(OSError):  # not everybody may list them, and no store needs it
            for upload in self._unfinished(bucket, prefix):
                as_os_errors(lambda: self.fs.call_s3("abort_multipart_upload", Bucket=bucket, **upload))  # noqa: B023

    def _unfinished(self, bucket: str, prefix: str) -> Iterator[dict[str, str]]:
        place: dict[str, str] = {}
        while True:
            call = {"Bucket": bucket, "Prefix": prefix, **place}
            page = self.retried(lambda: self.fs.call_s3("list_multipart_uploads", **call))  # noqa: B023
            for upload in page.get("Uploads", ()):
                if upload["Key"].startswith(prefix):
                    yield {"Key": upload["Key"], "UploadId": upload["UploadId"]}
            if not page.get("IsTruncated"):
                return
            place = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def _bucket_and_prefix(self, folder: str) -> tuple[str, str]:
        bucket, key, _ = self.fs.split_path(self.path(folder).rstrip("/"))
        return bucket, f"{key}/" if key else ""

    def _pages(self, folder: str, **options: Any) -> Iterator[Mapping[str, Any]]:
        """Yields the store's answers about what is in a folder, a thousand names each; an empty one at least."""
        bucket, prefix = self._bucket_and_prefix(folder)
        place: dict[str, str] = {}
        while True:
            call = {"Bucket": bucket, "Prefix": prefix, **options, **place}
            try:
                page = self.retried(lambda: self.fs.call_s3("list_objects_v2", **call))  # noqa: B023
            except FileNotFoundError:
                page = {}  # not even a bucket
            yield page
            if not page.get("IsTruncated"):
                return
            place = {"ContinuationToken": page["NextContinuationToken"]}

    def commit_on_condition(
        self,
        path: str,
        check: Check,
        operation: Callable[[dict[str, str]], Any],
        *,
        guess: dict[str, str] | None,
    ) -> None:
        """Has an operation change an object that is as it was before the check allowed it.

        Args:
            operation: sends a request on a condition; may be called more than once.
            guess: what the object probably is like where this process has not seen it; None: it is looked at.
        Raises:
            OSError: it failed; or others change the object all the time.
            RunFolderError: this writer may commit no more.
        """

        def attempt(condition: dict[str, str], since: float | None = None) -> None:
            looked = check(since)
            try:
                answer = as_os_errors(lambda: operation(condition))
            except OSError as error:
                if not _knows_no_conditions(error):
                    raise
                condition, answer = {}, as_os_errors(lambda: operation({}))
            seen_objects.add(self.path(path), _tag_in(answer), looked)
            if seconds_of_this_machine() - looked >= self.late_s:
                self._look_again(path, check, answer, was_absent=condition == _ABSENT)

        recently = seconds_of_this_machine() - self.late_s / 2
        if (seen := seen_objects.get(self.path(path))) is not None:
            # What was seen after a look may be a later run's: that look would allow to go over it.
            guess, recently = _as_it_was(seen.tag), max(recently, seen.at)
        if guess is not None:
            try:
                attempt(guess, recently)
                return
            except OSError as error:
                if not _may_be_repeated(error):
                    raise
        # After an error the object may be what the attempt before made it, though its answer was lost: it is looked at.
        as_os_errors(
            lambda: retrying(lambda: attempt(self._condition(path)), retries=self.retries, can_pass=_may_be_repeated)
        )

    def _look_again(self, path: str, check: Check, answer: Any, *, was_absent: bool) -> None:
        """Takes back what came late, after another writer had begun; says so where that cannot be."""
        try:
            check()
        except RunFolderError as error:
            if (tag := _tag_in(answer)) is None:
                raise
            if was_absent:
                with contextlib.suppress(OSError):
                    self._call("delete_object", path, IfMatch=tag)
                raise
            raise RunFolderError(
                f"{error} (a write of {self.path(path)} was under way when it began, so that the later run has to be "
                "run again: it mends that file)"
            ) from error

    def _condition(self, path: str) -> dict[str, str]:
        """Returns the condition that an object is as it is now."""
        try:
            return _as_it_was(self._call("head_object", path)["ETag"])
        except FileNotFoundError:
            return _ABSENT

    def _call(self, method: str, path: str, **options: Any) -> Any:
        bucket, key, _ = self.fs.split_path(self.path(path))
        return as_os_errors(lambda: self.fs.call_s3(method, Bucket=bucket, Key=key, **options))


class _Upload(Upload):
    """An upload without a condition."""

    def finish(self) -> Any:
        """See `Upload.finish`."""
        sent = seconds_of_this_machine()
        answer = super().finish()
        if (tag := _tag_in(answer)) is None:
            seen_objects.forget(self._path)
        else:
            seen_objects.add(self._path, tag, sent)
        return answer


class _ConditionalUpload(Upload):
    """An upload the last request of which depends on what the object was before."""

    def __init__(self, store: S3Store, path: str, check: Check) -> None:
        super().__init__(store, path, check)
        self._s3, self._name, self._may = store, path, check

    def finish(self) -> Any:
        """See `Upload.finish`."""
        if self._parts is None:
            content = bytes(self._held)
            send = lambda condition: self._s3.fs.pipe_file(self._path, content, **condition)  # noqa: E731
        else:
            self._parts.autocommit = False  # closing sends the last part, and does not make an object of them
            as_os_errors(self._parts.close)
            send = self._complete
        # Most files are new. Of a large one that is not, all would be sent to be refused: it is looked at first.
        guess = _ABSENT if self._parts is None and len(self._held) <= _GUESSED_BYTES else None
        self._s3.commit_on_condition(self._name, self._may, send, guess=guess)

    def _complete(self, condition: dict[str, str]) -> Any:
        upload = {"UploadId": self._parts.mpu["UploadId"], "MultipartUpload": {"Parts": self._parts.parts}}
        bucket, key, _ = self._s3.fs.split_path(self._path)
        try:
            answer = self._s3.fs.call_s3("complete_multipart_upload", Bucket=bucket, Key=key, **upload, **condition)
            tag = answer["ETag"].strip('"')
        except FileNotFoundError:  # no such upload: swept away, or complete already and the answer was lost
            tag = _tag_of_parts(self._parts.parts)
        answer = self._s3.fs.call_s3("head_object", Bucket=bucket, Key=key)
        if answer["ETag"].strip('"') != tag:  # some servers answer of an upload that is gone as if it were complete
            raise OSError(errno.EBUSY, f"{self._path}: others write it at the same time")
        self._s3.fs.invalidate_cache(self._path)
        return answer


def _as_it_was(tag: str | None) -> dict[str, str]:
    return _ABSENT if tag is None else {"IfMatch": tag}


def _tag_in(answer: Any) -> str | None:
    return answer.get("ETag") if isinstance(answer, dict) else None


def _tag_of_parts(parts: Sequence[Mapping[str, Any]]) -> str:
    """Returns the tag of an object that was sent in parts: of the digests of these."""
    digests = b"".join(bytes.fromhex(part["ETag"].strip('"')) for part in parts)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _may_be_repeated(error: BaseException) -> bool:
    return is_passing(error) or _is_changed(error)


def _is_changed(error: BaseException) -> bool:
    """Whether an object is not what the condition said: another writer's, or of an attempt whose answer was lost."""
    return any(
        isinstance(cause, FileExistsError) or http_status(cause) in (409, 412) or s3_code(cause) in _NOT_THERE
        for cause in causes(error)
    )


def _knows_no_conditions(error: BaseException) -> bool:
    return any(http_status(cause) == 501 for cause in causes(error))
