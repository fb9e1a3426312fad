"""The browser of the machine, driven as a person would."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from tools.chromium import find_chromium

_SERIOUS = ("serious", "critical")


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Opens the browser; skips the test where there is none."""
    path = find_chromium()
    if path is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield running
        finally:
            running.close()


@contextlib.contextmanager
def watched_page(running: Any, url: str, *, expects: str | None = None, **options: Any) -> Iterator[Any]:
    """Opens a page; fails if it says an error, but for those that are expected, or asks for anything not its own."""
    page = running.new_context(**options).new_page()
    page.set_default_timeout(20_000)
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request", lambda asked: None if asked.url.startswith((url, "blob:", "about:")) else wrong.append(asked.url)
    )
    page.goto(url)
    yield page
    assert [said for said in wrong if expects is None or expects not in said] == []
    page.context.close()


def serious_faults(page: Any) -> list[str]:
    """Returns what axe-core finds wrong with a page for people who cannot see or point, if serious."""
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    results = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {node['html'][:160]} {[check['message'] for check in node['any']][:1]}"
        for fault in results["violations"]
        if fault["impact"] in _SERIOUS
        for node in fault["nodes"][:3]
    ]
