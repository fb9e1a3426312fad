"""What became of a URL, as a row of a staging shard: img2dataset's words for it, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from babelsift.filters.image import ImageFailure, ProcessedImage
from babelsift.pipelines.fetch import Fetched
from babelsift.pipelines.staging.img2dataset_status import DECODING_ERROR, HASH_MISMATCH, IMAGE_ERRORS, OPTED_OUT
from babelsift.pipelines.staging.layout import FAILED_TO_DOWNLOAD, FAILED_TO_RESIZE, STAGED_SCHEMA, SUCCESS
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings

# Settings that change how the web is asked, but not which bytes are stored for an answer.
_NOT_SHAPING = {
    "timeout_s",
    "total_timeout_s",
    "retries",
    "thread_count",
    "connections_per_host",
    "contact",
    "requests_per_host_per_s",
    "max_failure_rate",
    "failure_window",
    "samples_per_staging_shard",
}
# Settings that came later: with these values staged rows are what they were before.
_CAME_LATER = {
    "compute_hash": "sha256",
    "verify_hash": None,
    "extract_exif": True,
    "bbox_col": None,
    "robots_txt": False,
    "auto_orient": True,
}
_VERSION = 6  # of the code that shapes images; raised when the same settings would give other bytes or hashes

_THRESHOLDS = {
    RejectReason.TOO_MANY_REDIRECTS: "max_redirects",
    RejectReason.BODY_TOO_LARGE: "max_body_bytes",
    RejectReason.TOO_MANY_PIXELS: "max_source_pixels",
    RejectReason.IMAGE_TOO_SMALL: "min_image_size",
    RejectReason.IMAGE_AREA_TOO_LARGE: "max_image_area",
    RejectReason.ASPECT_RATIO_TOO_LARGE: "max_aspect_ratio",
}


def shaping_settings(settings: DownloadSettings) -> dict[str, Any]:
    """Returns the settings by which a staged row is what it is; equal ones, and a download need not be repeated."""
    shaping = settings.model_dump(mode="json", exclude=_NOT_SHAPING)
    changed = {name: value for name, value in shaping.items() if name not in _CAME_LATER or value != _CAME_LATER[name]}
    return {**changed, "version": _VERSION}


def threshold_of(reason: str, settings: DownloadSettings) -> object:
    """Returns the limit that a reject reason speaks of, or None."""
    name = _THRESHOLDS.get(RejectReason(reason))
    return getattr(settings, name) if name else None


def new_record(*, uid: str, url: str, caption: str, key: str) -> dict[str, Any]:
    """Returns a row of STAGED_SCHEMA of which nothing is known yet but the pair."""
    return {**dict.fromkeys(STAGED_SCHEMA.names), "uid": uid, "url": url, "caption": caption, "key": key}


def with_fetch_failure(record: dict[str, Any], fetched: Fetched) -> dict[str, Any]:
    """Returns the record of a pair whose URL gave no body."""
    reason = fetched.reason or RejectReason.PROTOCOL_ERROR
    return {
        **record,
        "status": FAILED_TO_DOWNLOAD,
        "error_message": _fetch_error(reason, fetched.detail),
        "reason": reason.value,
        "detail": fetched.detail,
    }


def with_image_failure(record: dict[str, Any], failure: ImageFailure) -> dict[str, Any]:
    """Returns the record of a pair whose body is no image to be stored."""
    return {
        **record,
        "status": FAILED_TO_RESIZE,
        "error_message": IMAGE_ERRORS.get(failure.reason, DECODING_ERROR),
        "reason": failure.reason.value,
        "detail": failure.detail,
    }


def with_image(
    record: dict[str, Any], image: ProcessedImage, more_hashes: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Returns the record of a pair whose image is to be stored; where, the staging writer adds."""
    return {
        **record,
        "status": SUCCESS,
        "width": image.width,
        "height": image.height,
        "original_width": image.original_width,
        "original_height": image.original_height,
        "exif": image.exif,
        "sha256": image.sha256,
        "original_bytes": image.original_bytes,
        **dict(more_hashes),
        **image.columns(),
        "image_extension": image.extension,
    }


def _fetch_error(reason: RejectReason, detail: str) -> str:
    if reason is RejectReason.OPTED_OUT:
        return OPTED_OUT
    if reason is RejectReason.HASH_MISMATCH:
        return HASH_MISMATCH
    if reason is RejectReason.HTTP_STATUS:
        known = {status.value: status.phrase for status in HTTPStatus}
        return f"HTTP Error {detail}: {known.get(int(detail), '')}".removesuffix(": ")
    return f"{reason.value.replace('_', ' ')}: {detail}"
