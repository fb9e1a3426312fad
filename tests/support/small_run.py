"""A whole run that is small: a table of pairs, a web that serves their images, a recipe, and the command itself."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.cli.main import main
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import FUNNEL, REPORT_PAGE
from babelsift.schemas import Recipe, dump_recipe
from babelsift.schemas.recipe import DownloadSettings, ShardSettings
from tests.support.hostile_web import LOOPBACK_ONLY, HostileWeb, answer, encoded, photo
from tests.support.quick_beam import quick_beam

PAIRS = 30
RECIPE = Recipe(
    name="small",
    download=DownloadSettings(image_size=32, samples_per_staging_shard=10, **LOOPBACK_ONLY),
    shards=ShardSettings(samples_per_shard=8),
)
# What differs from run to run: who ran, when, and how long downloads took.
_OF_ONE_RUN = ("manifest.json", "running.json", ".babelsift-lock", "staging/")


@dataclass(frozen=True)
class Said:
    """What a command came to. Attributes: lines: of standard error that are no progress. log: all of it."""

    code: int
    lines: list[str]
    log: str

    @property
    def error(self) -> str:
        """The one line of a command that failed."""
        assert self.code != 0, self.log
        assert "Traceback" not in self.log, self.log
        [line] = self.lines
        return line


def babelsift(*arguments: str) -> Said:
    """Runs a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with quick_beam(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    log = err.getvalue()
    return Said(code, [line for line in log.splitlines() if line.startswith("babelsift: ")], log)


def write_pairs(web: HostileWeb, path: Path, pairs: int = PAIRS, *, size: tuple[int, int] = (48, 40)) -> None:
    """Writes a table of pairs, two of them without an image, and has the web serve the images of the others."""
    bodies = {f"/{number}.jpg": encoded(photo(number, size)) for number in range(pairs - 2)}
    urls = [web.on(url_path, answer(body)) for url_path, body in bodies.items()]
    urls += [web.url("/gone.jpg"), "no url"]
    captions = [f"a photo of thing number {number}" for number in range(pairs)]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"url": urls, "caption": captions}), path)


def write_recipe(path: Path, recipe: Recipe = RECIPE) -> str:
    """Writes a recipe's file; returns its path."""
    path.write_text(dump_recipe(recipe), encoding="utf-8")
    return str(path)


def product(url: str) -> dict[str, bytes]:
    """Returns path -> content of all that two runs of one command have in common."""
    folder = RunFolder(url)
    paths = [path for path in folder.files_under("") if not path.startswith(_OF_ONE_RUN)]
    return {path: without_times(path, folder.read(path)) for path in paths}


def without_times(path: str, content: bytes) -> bytes:
    """Returns a file of a product without what it says of how long the run took."""
    if path == REPORT_PAGE:
        return re.sub(rb'<section id="time">.*?</section>', b"", content, flags=re.DOTALL)
    if path != FUNNEL:
        return content
    funnel = json.loads(content)
    funnel.pop("timings", None)  # which folders of older versions lack
    return json.dumps(funnel).encode()
