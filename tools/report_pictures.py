"""Makes the pictures of the report for README and docs: curates the demo and opens its report in Chromium, headless.

    python -m tools.report_pictures out/demo docs

The first folder is a demo's run folder, made where it is not there; Debian's package `chromium` is what is looked for.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tools.chromium import find_chromium

_WIDTH_PX, _HEIGHT_PX = 1180, 1900
_MOST_BYTES = 300_000
_PICTURES = {"report": (), "report-dark": ("--blink-settings=preferredColorScheme=0",)}
_QUALITIES = (88, 80, 70, 60)


def main() -> int:
    """Writes report.webp and report-dark.webp; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_folder", type=Path)
    parser.add_argument("pictures", type=Path, help="folder of the pictures")
    known = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        parser.error("no chromium is installed")
    page = known.run_folder / "report" / "index.html"
    if not page.exists():
        subprocess.run([sys.executable, "-m", "babelsift", "demo", "--output", known.run_folder], check=True)
    for name, options in _PICTURES.items():
        picture = _picture(chromium, page, options)
        _write(picture, known.pictures / f"{name}.webp")
    return 0


def _picture(chromium: str, page: Path, options: tuple[str, ...]) -> Image.Image:
    with tempfile.TemporaryDirectory() as home:
        picture = Path(home) / "page.png"
        size = f"--window-size={_WIDTH_PX},{_HEIGHT_PX}"
        asked = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={home}",
            size,
        ]
        command = [chromium, *asked, *options, f"--screenshot={picture}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with Image.open(picture) as image:
            return image.convert("RGB")


def _write(picture: Image.Image, path: Path) -> None:
    """Writes a picture as WebP, as good as its size allows."""
    for quality in _QUALITIES:
        picture.save(path, quality=quality, method=6)
        if path.stat().st_size < _MOST_BYTES:
            return
    raise ValueError(f"{path}: larger than {_MOST_BYTES} bytes")


if __name__ == "__main__":
    sys.exit(main())
