"""babelsift: the multilingual web's (image URL, alt-text) pairs to webdataset shards, on Apache Beam.

>>> import babelsift
>>> issubclass(babelsift.RecipeError, babelsift.BabelsiftError)
True

`curate(recipe, inputs, output)` makes a run, `open_run(path)` reads what it left, and `loader(run)` feeds it to torch;
`babelsift.filters` holds the filters, plain functions over Arrow arrays; `babelsift.schemas` the recipes and the
columns; `babelsift.pipelines` the Beam transforms. A name is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babelsift import filters, schemas
    from babelsift.pipelines.inspection.finished import FinishedRun, open_run
    from babelsift.pipelines.inspection.loader import loader
    from babelsift.pipelines.job.from_python import curate
    from babelsift.pipelines.recipes.presets import load_recipe
    from babelsift.schemas.errors import (
        AccountingError,
        BabelsiftError,
        DownloadError,
        InputError,
        ModelError,
        RecipeError,
        RunFolderError,
        RunnerError,
        SchemaError,
    )

    __version__: str

__all__ = [
    "AccountingError",
    "BabelsiftError",
    "DownloadError",
    "FinishedRun",
    "InputError",
    "ModelError",
    "RecipeError",
    "RunFolderError",
    "RunnerError",
    "SchemaError",
    "__version__",
    "curate",
    "filters",
    "load_recipe",
    "loader",
    "open_run",
    "schemas",
]

_ROOMS = {"filters", "schemas"}
_HOMES = {
    "FinishedRun": "babelsift.pipelines.inspection.finished",
    "curate": "babelsift.pipelines.job.from_python",
    "load_recipe": "babelsift.pipelines.recipes.presets",
    "loader": "babelsift.pipelines.inspection.loader",
    "open_run": "babelsift.pipelines.inspection.finished",
}

# In a clone the subpackages lie beside this folder, not in it. `python -m`, and Beam's worker processes, look in the
# working folder first: from a clone they find this folder, even where a wheel is installed.
if not (Path(__file__).parent / "filters").exists():
    __path__.append(str(Path(__file__).parents[1]))


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("babelsift")
    if name in _ROOMS:
        return importlib.import_module(f"babelsift.{name}")
    if name in __all__:
        return getattr(importlib.import_module(_HOMES.get(name, "babelsift.schemas.errors")), name)
    raise AttributeError(f"module 'babelsift' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
