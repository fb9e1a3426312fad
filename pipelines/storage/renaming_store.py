"""A store whose file system shows a file as it is being written: each is written under another name and moved."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from babelsift.pipelines.storage.remote_store import RemoteStore, as_os_errors
from babelsift.pipelines.storage.store import Check, temporary_path, whole_or_nothing
from babelsift.pipelines.storage.whole_file import WholeFile
from babelsift.schemas import RunFolderError


@dataclass(frozen=True)
class RenamingStore(RemoteStore):
    """A store whose file system shows a file as it is being written: each is written under another name and moved."""

    def writing(
        self, path: str, *, read_back: bool = False, check: Check | None = None
    ) -> AbstractContextManager[WholeFile]:
        """See `Store.writing`."""
        final = self.path(path)
        temporary = temporary_path(path)
        hidden = self.path(temporary)
        try:
            self.retried(lambda: self.fs.makedirs(final.rpartition("/")[0], exist_ok=True))
            file = as_os_errors(lambda: self.fs.open(hidden, "wb"))
        except OSError as error:
            raise RunFolderError(f"cannot write {final}: {error}; choose another --output or mend it") from error

        def finish() -> None:
            as_os_errors(file.close)
            self.commit(lambda: self.fs.mv(hidden, final), check, can_repeat=False)

        def abandon() -> None:
            try:
                as_os_errors(file.close)
            finally:
                self.delete(temporary)

        whole = WholeFile(lambda view: as_os_errors(lambda: file.write(view)), final)
        return whole_or_nothing(whole, finish=finish, abandon=abandon)
