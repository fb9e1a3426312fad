"""The process in which img2dataset runs, and the module that its own processes import; they all end with their parent.

img2dataset's pool waits for ever for what a worker had begun when it died. So this process ends as soon as one dies,
and whoever started it starts it again: finished shards stay.

This module imports neither Beam nor Arrow: each of img2dataset's processes would import them, too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any

from babelsift.pipelines.processes.child import end_soon_after_parent, end_with_parent

WORKER_DIED = 75  # the exit status, as sysexits.h has it for what may work the next time
_LOOK_S = 0.2
# A pool ends its workers by SIGTERM when all is done.
_ENDED_WELL = (None, 0, -signal.SIGTERM)


def download(options: Mapping[str, Any]) -> None:
    """Calls img2dataset's `download`; what it does at an interrupt lasts as long as the call."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer version
    from img2dataset import download as download_by_img2dataset

    before = signal.getsignal(signal.SIGINT)
    try:
        download_by_img2dataset(**options)
    finally:
        signal.signal(signal.SIGINT, before)


class _Workers:
    """The processes that img2dataset's pool has started; one that died is gone from the pool within a moment."""

    def __init__(self) -> None:
        self._started: list[BaseProcess] = []

    def watch(self) -> None:
        """Ends this process as soon as one of them dies."""
        start = SpawnProcess.start

        def start_and_note(worker: BaseProcess) -> None:
            start(worker)
            self._started.append(worker)

        SpawnProcess.start = start_and_note  # type: ignore[assignment, method-assign]
        threading.Thread(target=self._look, name="workers", daemon=True).start()

    def _look(self) -> None:
        while True:
            for worker in list(self._started):
                if worker.exitcode not in _ENDED_WELL:
                    print(f"a process of img2dataset died with {worker.exitcode}", flush=True)
                    os._exit(WORKER_DIED)
            time.sleep(_LOOK_S)


def _main() -> None:
    end_with_parent(int(sys.argv[3]))
    _Workers().watch()
    download(json.load(sys.stdin))


if __name__ == "__main__":
    _main()
elif __name__ == "__mp_main__":  # one of img2dataset's processes
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    end_soon_after_parent(os.getppid())
    # Before it takes a shard: a worker that cannot import while it reads one leaves without a word, and it is lost.
    import img2dataset.downloader  # noqa: F401
