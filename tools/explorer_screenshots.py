"""Takes the pictures of the explorer that the pages show, of a run: `python -m tools.explorer_screenshots OUT`.

OUT is a demo's run folder (`babelsift demo --output OUT`). Wants a chromium on the machine, and the extras explore and
test.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools.chromium import find_chromium

DOCS = Path(__file__).parents[1] / "docs"
_WIDTH, _HEIGHT = 1280, 800
_QUALITY = 78
_SETTLED_MS = 2500


def main(folder: str) -> int:
    """Writes docs/explorer*.jpg; folder: of a demo's run."""
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    if chromium is None:
        print("explorer_screenshots: no chromium on this machine; apt-get install chromium", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        command = [sys.executable, "-m", "babelsift", "explore", folder, "--labels", f"{home}/labels.csv"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            try:
                for name, (address, scheme) in _views(running, url).items():
                    _shoot(running, f"{url}{address}", DOCS / name, scheme)
            finally:
                running.close()
                process.terminate()
    return 0


def _views(running: Any, url: str) -> dict[str, tuple[str, str]]:
    """Returns {file: (the page's address, light or dark)}."""
    page = running.new_page()
    duplicates = {"where": {"reason": ["near_duplicate_image"]}}
    uid = page.request.get(f"{url}api/0/rows", params={"q": json.dumps(duplicates), "limit": "1"}).json()["rows"][0][
        "uid"
    ]
    page.close()
    left_out = quote(json.dumps({"where": {"reason": ["similarity_too_low"]}}))
    return {
        "explorer.jpg": ("", "light"),
        "explorer-pair.jpg": (f"#q={quote(json.dumps(duplicates))}&pair={uid}", "light"),
        "explorer-thresholds.jpg": (f"#q={left_out}&panel=thresholds", "dark"),
    }


def _shoot(running: Any, address: str, file: Path, scheme: str) -> None:
    page = running.new_context(viewport={"width": _WIDTH, "height": _HEIGHT}, color_scheme=scheme).new_page()
    page.goto(address)
    page.wait_for_selector(".tile img")
    page.wait_for_function("() => !document.querySelector('.waits-for-it')")
    page.wait_for_timeout(_SETTLED_MS)
    page.screenshot(path=file, type="jpeg", quality=_QUALITY)
    page.context.close()
    print(f"{file.name}: {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
