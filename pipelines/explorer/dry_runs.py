"""Dry runs of changed recipes, one at a time, beside the page: the whole funnel, where a trial knows two stages."""

from __future__ import annotations

import threading
from typing import Any

from babelsift.schemas import BabelsiftError, Recipe, one_line

RUNNING, DONE, FAILED, NONE = "running", "done", "failed", "none"


class DryRuns:
    """The last dry run of each run that is shown."""

    def __init__(self) -> None:
        self._states: dict[str, dict[str, Any]] = {}
        self._busy = threading.Lock()

    def state(self, name: str) -> dict[str, Any]:
        """Returns {"state", and "funnel", "not_stored" once it is done, "error" where it failed}."""
        return self._states.get(name, {"state": NONE})

    def start(self, name: str, recipe: Recipe, url: str) -> None:
        """Begins a dry run, unless one is at work.

        Args:
            name: of the run that is shown.
            recipe: to try.
            url: of its folder.
        """
        if self._busy.acquire(blocking=False):
            self._states[name] = {"state": RUNNING}
            threading.Thread(target=self._work, args=(name, recipe, url), daemon=True).start()

    def _work(self, name: str, recipe: Recipe, url: str) -> None:
        from babelsift.pipelines.replay.dry_run import dry_run

        try:
            outcome = dry_run(recipe, url)
            funnel = outcome.funnel.to_json()
            self._states[name] = {"state": DONE, "funnel": funnel, "not_stored": outcome.not_stored}
        except BabelsiftError as error:
            self._states[name] = {"state": FAILED, "error": one_line(error, limit=None)}
        except Exception as error:  # noqa: BLE001 (the page is told; the explorer goes on)
            self._states[name] = {"state": FAILED, "error": f"unexpected {type(error).__name__}: {one_line(error)}"}
        finally:
            self._busy.release()
