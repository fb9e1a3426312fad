"""Which download settings shape the stored images, so that a change of the others downloads nothing again.

Opt-outs shape which images are stored, but a change of them downloads nothing either: shards say which were heard.
"""

from __future__ import annotations

from typing import Any

from babelsift.schemas.recipe import DownloadSettings

# Settings that change how the web is asked, but not which bytes are stored for an answer.
_NOT_SHAPING = {
    "timeout_s",
    "total_timeout_s",
    "decode_timeout_s",
    "retries",
    "thread_count",
    "connections_per_host",
    "contact",
    "requests_per_host_per_s",
    "name_servers",
    "max_failure_rate",
    "failure_window",
    "samples_per_staging_shard",
    "opt_outs",  # what is staged stays: see docs/rights.md
    "hash_lists",  # what is staged is taken out of its shard, and not downloaded again
}


# Settings that came later: with these values staged rows are what they were before.
_CAME_LATER = {
    "compute_hash": "sha256",
    "verify_hash": None,
    "extract_exif": True,
    "extract_provenance": False,
    "bbox_col": None,
    "faces": None,
    "robots_txt": False,
    "auto_orient": True,
    "max_missing_rows": 0.0625,  # whatever lacked was stored; to download all of it again would lose more than it mends
}


_VERSION = 6  # of the code that shapes images; raised when the same settings would give other bytes or hashes


def shaping_settings(settings: DownloadSettings) -> dict[str, Any]:
    """Returns the settings by which a staged row is what it is; equal ones, and a download need not be repeated."""
    shaping = settings.model_dump(mode="json", exclude=_NOT_SHAPING)
    changed = {name: value for name, value in shaping.items() if name not in _CAME_LATER or value != _CAME_LATER[name]}
    return {**changed, "version": _VERSION}


# What was heard before shards said it.
HEARD_ALWAYS = ("x_robots_tag",)


def heard_opt_outs(settings: DownloadSettings) -> list[str]:
    """Returns the names of the forms of opt-outs that a download with these settings hears."""
    heard = {name: bool(value) for name, value in settings.opt_outs.model_dump().items()}
    heard["training_crawlers"] &= settings.robots_txt
    return [name for name, is_heard in heard.items() if is_heard]
