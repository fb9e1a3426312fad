"""Names of the files and folders in a run folder and beside it, and the suffixes of a shard's files."""

from __future__ import annotations

import posixpath

from babelsift.schemas import public_url

MANIFEST = "manifest.json"
FUNNEL = "funnel.json"  # written last: where it is, the run is complete
RECIPE = "recipe.yaml"
CARD = "README.md"
CROISSANT = "croissant.json"
SELECTION = "selection.json"
SIZES = "sizes.json"
DUPLICATES_FILE = "duplicates.parquet"
REPORT_PAGE = "report/index.html"
PREVIEW = "report/preview.webp"  # of kept pairs, for the dataset card; where nothing was kept there is none

REJECTS = "rejects"
UNTIL_FOLDER = "until"  # what runs that end after a stage leave
URL_LIST_FOLDER = "urls"  # what `babelsift urls` lists for another downloader
CONCEPTS_FOLDER = "concepts"
REMOVALS = "removals"  # what keeps out what was removed on request
TOMBSTONES = f"{REMOVALS}/tombstones.parquet"
UNFINISHED_REMOVAL = f"{REMOVALS}/unfinished.json"
INPUT_IMAGES_FOLDER = "staging/input"  # images that the input brought as bytes
IMPORTED_FOLDER = "staging/adopted"  # the rows of an img2dataset folder
IMG2DATASET_HOME = "staging/img2dataset"  # what img2dataset downloads within a run
IMG2DATASET_IMAGES = f"{IMG2DATASET_HOME}/images"
REFUSED_URLS = f"{IMG2DATASET_HOME}/refused"

TAR, PARQUET, STATS = ".tar", ".parquet", "_stats.json"


def path_beside(output: str, ending: str) -> str:
    """Returns a path beside a run folder; in the working folder, where the run folder is on an object store.

    Args:
        output: the run folder.
        ending: of the name, which begins as the run folder's.

    >>> path_beside("runs/mine/", "-papers"), path_beside("s3://bucket/runs/mine", "-papers")
    ('runs/mine-papers', 'mine-papers')
    """
    plain = public_url(output).rstrip("/")
    beside = posixpath.basename(plain) if "://" in plain else plain
    return f"{beside or 'run'}{ending}"
