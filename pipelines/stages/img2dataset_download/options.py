"""A recipe's download settings as img2dataset's options, so that one recipe means the same with either downloader."""

from __future__ import annotations

import importlib.util
from typing import Any

from babelsift.schemas import RecipeError
from babelsift.schemas.recipe import DownloadSettings

DISTRIBUTORS = ("multiprocessing", "pyspark", "ray")  # img2dataset's own
# Same name, same meaning. They shape what is stored; the others say how the web is asked.
_SHAPING = (
    "image_size",
    "resize_mode",
    "resize_only_if_bigger",
    "skip_reencode",
    "encode_format",
    "encode_quality",
    "min_image_size",
    "max_image_area",
    "max_aspect_ratio",
    "compute_hash",
    "extract_exif",
    "user_agent_token",
    "disallowed_header_directives",
)
_NO_LIMIT = ("max_image_area", "max_aspect_ratio")  # where null, img2dataset's own default, which is infinite
# What a recipe asks for and img2dataset cannot do: to pass over it would store what the recipe forbids.
_NOT_WITH_IT = {
    "robots_txt": "it asks no robots.txt",
    "requests_per_host_per_s": "it keeps no host's pace",
    "name_servers": "it asks the system's",
    "verify_hash": "its lists have no such column",
    "extract_provenance": "it keeps no metadata",
    "hash_lists": "it stores images before any list is asked",
    "bbox_col": "its lists have no such column",
    "faces": "it finds none: it would store them as they are",
}


def shaping_options(settings: DownloadSettings) -> dict[str, Any]:
    """Returns the options by which an image is what it is; equal ones, and it need not be downloaded again."""
    values = {name: getattr(settings, name) for name in _SHAPING}
    options = {name: value for name, value in values.items() if not (name in _NO_LIMIT and value is None)}
    directives = list(settings.disallowed_header_directives) if settings.opt_outs.x_robots_tag else []
    return options | {"disallowed_header_directives": directives}


def img2dataset_options(settings: DownloadSettings) -> dict[str, Any]:
    """Returns img2dataset's options of a recipe's download settings, without those that say where things lie."""
    asked = {"timeout": settings.timeout_s, "retries": settings.retries, "thread_count": settings.thread_count}
    return shaping_options(settings) | asked


def check_img2dataset(settings: DownloadSettings, distributor: str, output: str) -> None:
    """Checks that img2dataset is there, and that nothing is asked of it that it cannot do.

    Args:
        settings: the recipe's.
        distributor: one of img2dataset's.
        output: the run folder.

    Raises:
        RecipeError: names what is missing and the remedy.
    """
    if distributor not in DISTRIBUTORS:
        raise RecipeError(f"--distributor: img2dataset has no {distributor!r}; one of {', '.join(DISTRIBUTORS)}")
    if any(sign in output for sign in "*?["):
        raise RecipeError(f"--output {output}: img2dataset would read *, ? and [ as a pattern; choose another folder")
    defaults = DownloadSettings()
    for name, why in _NOT_WITH_IT.items():
        if getattr(settings, name) != getattr(defaults, name):
            raise RecipeError(
                f"--download-with img2dataset: download.{name} is not for it, {why}; leave one of them out"
            )
    for package, extra in {"img2dataset": "babelsift[img2dataset]", **_NEEDED.get(distributor, {})}.items():
        if importlib.util.find_spec(package) is None:
            raise RecipeError(f"--download-with img2dataset: {package} is not installed; pip install '{extra}'")


_NEEDED = {"pyspark": {"pyspark": "pyspark"}, "ray": {"ray": "ray"}}
