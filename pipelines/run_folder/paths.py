"""Names of the files and folders in a run folder, and the suffixes of a shard's files."""

from __future__ import annotations

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
CONCEPTS_FOLDER = "concepts"
INPUT_IMAGES_FOLDER = "staging/input"  # images that the input brought as bytes
IMPORTED_FOLDER = "staging/adopted"  # the rows of an img2dataset folder
IMG2DATASET_HOME = "staging/img2dataset"  # what img2dataset downloads within a run
IMG2DATASET_IMAGES = f"{IMG2DATASET_HOME}/images"
REFUSED_URLS = f"{IMG2DATASET_HOME}/refused"

TAR, PARQUET, STATS = ".tar", ".parquet", "_stats.json"
