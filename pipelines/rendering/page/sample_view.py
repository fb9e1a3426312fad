"""Samples as the page shows them. Everything in a sample comes from the web and is treated as hostile."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from babelsift.pipelines.rendering.data import ImageCluster, Sample
from babelsift.pipelines.rendering.funnel_view import reasons_of
from babelsift.pipelines.rendering.number_format import clipped, clipped_middle, shown
from babelsift.schemas import STAGE_ORDER, Funnel, RejectReason

_MEDIA_TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_WEB_URL = re.compile(r"https?://[^\s]", re.IGNORECASE)
_LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?")
# fmt: off
_RIGHT_TO_LEFT = frozenset((
    "ar", "arc", "arz", "azb", "bal", "ckb", "dv", "fa", "glk", "he", "ks", "lrc", "mzn", "pnb", "prs", "ps", "sd",
    "skr", "ug", "ur", "yi",
))
# fmt: on
_RIGHT_TO_LEFT_SCRIPTS = ("-Arab", "-Hebr", "-Thaa", "-Syrc", "-Nkoo")
# Whoever looks at a report may sit in the very network that such a URL points into.
_NEVER_LINKED = frozenset({RejectReason.ADDRESS_REFUSED.value})

_CAPTION_LIMIT = 400
_URL_LIMIT = 90
_VALUE_LIMIT = 160
_LINK_LIMIT = 4096


@dataclass(frozen=True)
class SampleCard:
    """One sample, clipped; `link` and `image` are safe to put into href and src, or None.

    `survivor` is the pair in whose place it was left out, `how_near` says how near they are; `fate` is what became of
    it, in a word or two.
    """

    uid: str
    caption: str
    language: str
    language_tag: str
    direction: str
    url: str
    link: str | None
    image: str | None
    similarity: str | None
    value: str | None
    threshold: str | None
    fate: str = "kept"
    caption_before: str | None = None
    edits: str | None = None
    survivor: SampleCard | None = None
    how_near: str | None = None
    is_veiled: bool = False


@dataclass(frozen=True)
class EdgeRow:
    """The pairs nearest to one bound: left out just beyond it, and kept just within it."""

    stage: str
    reason: str
    beyond: list[SampleCard]
    within: list[SampleCard]


@dataclass(frozen=True)
class RejectedGroup:
    """The samples of one reason at one stage, with all rows that the reason met."""

    stage: str
    reason: str
    rows: int
    duplicates: list[SampleCard]
    with_image: list[SampleCard]
    without_image: list[SampleCard]
    is_open: bool

    @property
    def shown(self) -> int:
        """Samples in the group."""
        return len(self.duplicates) + len(self.with_image) + len(self.without_image)


def kept_cards(samples: list[Sample]) -> list[SampleCard]:
    """Returns the cards of the pairs that were kept, in the order given."""
    return [sample_card(sample) for sample in samples if sample.reason is None and sample.is_random]


def edited_cards(samples: list[Sample]) -> list[SampleCard]:
    """Returns the cards of captions that edits changed, each with what it was."""
    return [sample_card(sample) for sample in samples if sample.caption_before is not None]


def edge_rows(samples: list[Sample]) -> list[EdgeRow]:
    """Returns the pairs nearest to each bound, bounds in the order of the stages."""
    rows: dict[tuple[str, str], EdgeRow] = {}
    for sample in samples:
        if sample.is_near and sample.beside is not None:
            row = rows.setdefault(sample.beside, EdgeRow(*sample.beside, [], []))
            (row.within if sample.reason is None else row.beyond).append(sample_card(sample))
    order = {stage.value: position for position, stage in enumerate(STAGE_ORDER)}
    return [rows[bound] for bound in sorted(rows, key=lambda bound: (order.get(bound[0], len(order)), bound[1]))]


def rejected_groups(samples: list[Sample], funnel: Funnel, *, opened: int = 3) -> list[RejectedGroup]:
    """Returns the rejected samples by stage and reason: stages in pipeline order, frequent reasons first.

    Args:
        samples: kept and rejected.
        funnel: the counts of each reason.
        opened: how many groups, the largest first, are unfolded when the page opens.
    """
    rows = {(stage.stage, reason): count for stage in funnel.stages for reason, count in reasons_of(stage)}
    cards: dict[tuple[str, str], list[SampleCard]] = {}
    for sample in samples:
        if sample.reason is not None and not sample.is_near:
            cards.setdefault((sample.stage, sample.reason), []).append(sample_card(sample))
    stages = {stage.value: position for position, stage in enumerate(STAGE_ORDER)}
    ordered = sorted(cards, key=lambda key: (stages.get(key[0], len(stages)), -rows.get(key, 0), key))
    largest = set(sorted(ordered, key=lambda key: (-rows.get(key, 0), key))[:opened])
    return [
        RejectedGroup(
            stage=key[0],
            reason=key[1],
            rows=rows.get(key, len(cards[key])),
            duplicates=[card for card in cards[key] if card.survivor],
            with_image=[card for card in cards[key] if card.image and not card.survivor],
            without_image=[card for card in cards[key] if not card.image and not card.survivor],
            is_open=key in largest,
        )
        for key in ordered
    ]


@dataclass(frozen=True)
class ClusterRow:
    """One cluster of images, side by side."""

    kind: str
    survivor: SampleCard
    others: list[SampleCard]
    size: int
    note: str


def cluster_rows(clusters: list[ImageCluster]) -> list[ClusterRow]:
    """Returns the clusters as they can be shown."""
    return [
        ClusterRow(
            cluster.kind,
            sample_card(cluster.survivor),
            [sample_card(other) for other in cluster.others],
            cluster.size,
            cluster.note,
        )
        for cluster in clusters
    ]


def sample_card(sample: Sample) -> SampleCard:
    """Returns a sample as it can be shown."""
    language = sample.language or ""
    tag = language if _LANGUAGE_TAG.fullmatch(language) and language != "und" else ""
    url = sample.url or ""
    return SampleCard(
        uid=clipped(sample.uid or "", 32),
        caption=clipped(sample.caption or "", _CAPTION_LIMIT),
        language=clipped(language, 16),
        language_tag=tag,
        direction="rtl" if _is_right_to_left(tag) else "auto",
        url=clipped_middle(url, _URL_LIMIT),
        link=_link(url) if sample.reason not in _NEVER_LINKED else None,
        image=_data_uri(sample.image, sample.image_extension),
        similarity=None if sample.similarity is None else f"{sample.similarity:.3f}",
        value=None if sample.value is None else clipped(sample.value, _VALUE_LIMIT),
        threshold=None if sample.threshold is None else clipped(sample.threshold, _VALUE_LIMIT),
        fate="kept" if sample.reason is None else clipped(f"left out at {sample.stage}: {sample.reason}", _VALUE_LIMIT),
        caption_before=None if sample.caption_before is None else clipped(sample.caption_before, _CAPTION_LIMIT),
        edits=None if sample.edits is None else clipped(sample.edits, _VALUE_LIMIT),
        survivor=None if sample.survivor is None else sample_card(sample.survivor),
        how_near=None if sample.how_near is None else clipped(sample.how_near, _VALUE_LIMIT),
        is_veiled=sample.is_veiled,
    )


def _is_right_to_left(tag: str) -> bool:
    return tag in _RIGHT_TO_LEFT or tag.endswith(_RIGHT_TO_LEFT_SCRIPTS)


def _link(url: str) -> str | None:
    """Returns the URL if it starts like a web address: no other scheme, however disguised, becomes a link."""
    if len(url) > _LINK_LIMIT or not _WEB_URL.match(url) or shown(url) != url:
        return None
    return url


def _data_uri(image: bytes | None, extension: str | None) -> str | None:
    media_type = _MEDIA_TYPES.get((extension or "").lower().lstrip("."))
    if not image or media_type is None:
        return None
    return f"data:{media_type};base64,{base64.b64encode(image).decode('ascii')}"
