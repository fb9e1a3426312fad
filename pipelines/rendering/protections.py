"""What a run did for people who are in images and captions, and against known images: one line a measure."""

from __future__ import annotations

from collections import Counter

from babelsift.pipelines.rendering.data import ReportData
from babelsift.schemas import RejectReason

_CAPTION_RULES = {
    "reject_emails": RejectReason.CONTAINS_EMAIL,
    "reject_phone_numbers": RejectReason.CONTAINS_PHONE_NUMBER,
    "reject_ip_addresses": RejectReason.CONTAINS_IP_ADDRESS,
    "reject_payment_cards": RejectReason.CONTAINS_PAYMENT_CARD,
    "reject_ibans": RejectReason.CONTAINS_IBAN,
    "reject_national_numbers": RejectReason.CONTAINS_NATIONAL_NUMBER,
}
_COLUMNS = ("documents", "faces", "ocr", "opennsfw")


def protections(data: ReportData) -> list[str]:
    """Returns the measures of a run, with how many pairs each left out; none where the recipe has none.

    Args:
        data: recipe and funnel of the run.
    """
    recipe = data.recipe
    rejected: Counter[str] = Counter()
    for stage in data.funnel.stages:
        rejected.update(stage.rejected)
    lines = [
        f"{setting}: {rejected[reason.value]} captions were left out"
        for setting, reason in _CAPTION_RULES.items()
        if getattr(recipe.captions, setting)
    ]
    if recipe.caption_edits.mask:
        lines.append(f"caption_edits.mask: {', '.join(recipe.caption_edits.mask)} were replaced by a word in brackets")
    lines += _faces(data, rejected)
    if recipe.download.hash_lists:
        names = ", ".join(one.name for one in recipe.download.hash_lists)
        lines.append(f"download.hash_lists: {rejected[RejectReason.ON_HASH_LIST.value]} pairs were on {names}")
    for column in recipe.made_columns:
        if column.by in _COLUMNS:
            left_out = sum(rows for reason, rows in rejected.items() if _is_of(reason, column.name))
            lines.append(f"columns: {column.name} ({column.by}): {left_out} pairs were left out by it")
    if rows := rejected[RejectReason.REMOVED.value]:
        lines.append(f"removed on request: {rows} pairs")
    return lines


def _faces(data: ReportData, rejected: Counter[str]) -> list[str]:
    faces = data.recipe.download.faces
    if faces is None:
        return []
    became = {
        "blur": "were blurred before images were stored",
        "count": "were counted and stay as they are",
        "drop": f"had {rejected[RejectReason.HAS_FACES.value]} pairs left out",
    }
    found = f"download.faces: faces that CenterFace was sure of at {faces.min_score:g} or more {became[faces.do]}"
    return [f"{found}; it misses many that are small, turned or hidden"]


def _is_of(reason: str, column: str) -> bool:
    return reason.endswith("_not_met") and (reason == f"{column}_not_met" or reason.startswith(f"{column}_"))
