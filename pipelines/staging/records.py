"""What became of a URL, as a row of a staging shard: img2dataset's words for it, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from babelsift.filters.image import ImageFailure, ProcessedImage
from babelsift.pipelines.decoding import OF_THE_MACHINE
from babelsift.pipelines.fetch import Fetched
from babelsift.pipelines.staging.img2dataset.status import DECODING_ERROR, HASH_MISMATCH, IMAGE_ERRORS, OPTED_OUT
from babelsift.pipelines.staging.layout import FAILED_TO_DOWNLOAD, FAILED_TO_RESIZE, STAGED_SCHEMA, SUCCESS
from babelsift.schemas import RejectReason
from babelsift.schemas.reasons import OPT_OUTS


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
    """Returns the record of a pair whose body is no image to be stored, or was not decoded here, or opts out."""
    if failure.reason in OF_THE_MACHINE or failure.reason in OPT_OUTS:
        return with_fetch_failure(record, Fetched(None, failure.reason, failure.detail))
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
        **asdict(image.provenance),
        **asdict(image.faces),
        "pdq": image.pdq,
        "pdq_quality": image.pdq_quality,
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
