"""The public summary of training content that the European Union's AI Act asks of providers, as far as a run knows it.

Source:
    the European Commission's template under Article 53(1)(d) of Regulation (EU) 2024/1689: published on 24 July 2025,
    adopted as C(2025) 8311 on 5 December 2025.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.funnel_view import language_rows
from babelsift.pipelines.rendering.opt_outs import opt_out_forms
from babelsift.pipelines.rendering.protections import protections
from babelsift.pipelines.rendering.templating import ENVIRONMENT
from babelsift.schemas import RejectReason, product_path
from babelsift.schemas.reasons import OPT_OUTS

# The template's ranges, in images.
_RANGES = ((1_000_000, "less than 1 million images"), (1_000_000_000, "1 million to 1 billion images"))
_ABOVE = "more than 1 billion images"
# Opt-outs that are known before the download; OPT_OUTS has those that a site or an image says at it.
_OF_TABLE_OR_PAGE = (RejectReason.PAGE_OPTED_OUT, RejectReason.URL_OPTED_OUT, RejectReason.DOMAIN_OPTED_OUT)
_OPT_OUT_REASONS = tuple(reason for reason in RejectReason if reason in _OF_TABLE_OR_PAGE or reason in OPT_OUTS)


@dataclass(frozen=True)
class Domain:
    """What is kept of a registered domain.

    Attributes:
        images: how many.
        size: bytes of them as they were served.
    """

    name: str
    images: int
    size: int


@dataclass(frozen=True)
class KeptContent:
    """What the shards hold.

    Attributes:
        images: how many.
        texts: how many.
        text_bytes: of all texts, as UTF-8.
        domains: all of them, the largest first, by bytes.
        licences: licence -> images; none where no column says it.
    """

    images: int
    texts: int
    text_bytes: int
    domains: Sequence[Domain]
    licences: Mapping[str, int]


@dataclass(frozen=True)
class Crawl:
    """How the images came to be here.

    Attributes:
        agent: the user agent of the requests; None: images were not downloaded by babelsift.
        first: seconds since the epoch, of the first download; None: not known.
        last: likewise, of the last one.
    """

    agent: str | None = None
    first: float | None = None
    last: float | None = None


def render_training_summary(data: ReportData, kept: KeptContent, crawl: Crawl, top: Sequence[Domain]) -> str:
    """Returns the summary as Markdown; what a run cannot know is marked for the provider to fill in.

    Args:
        data: recipe, funnel and facts of the run.
        kept: what its shards hold.
        crawl: how its images were fetched.
        top: of the domains, those that the summary has to name.
    """
    rejected: Counter[str] = Counter()
    for stage in data.funnel.stages:
        rejected.update(stage.rejected)
    places = data.facts.get("images taken from") or data.facts.get("input", "")
    return ENVIRONMENT.get_template("training_summary.md").render(
        recipe=data.recipe,
        funnel=data.funnel,
        facts=data.facts,
        kept=kept,
        crawl=crawl,
        top=top,
        size_range=next((words for bound, words in _RANGES if kept.images < bound), _ABOVE),
        languages=[row for row in language_rows(data.funnel) if row.kept],
        forms=opt_out_forms(data),
        opted_out=[(reason.value, rejected[reason.value]) for reason in _OPT_OUT_REASONS if rejected[reason.value]],
        protections=protections(data),
        edited=bool(data.recipe.caption_edits),
        source=", ".join(map(product_path, places.split(", "))),
        conditions=sorted(data.recipe.select.conditions),
    )


def top_domains(domains: Sequence[Domain], *, is_small_provider: bool) -> Sequence[Domain]:
    """Returns the domains that the template has named: the largest tenth; of a small provider the largest twentieth.

    Args:
        domains: the largest first.
        is_small_provider: an SME names 5 % of them or 1 000, whichever is less.
    """
    if is_small_provider:
        return domains[: min(1000, -(-len(domains) // 20))]
    return domains[: -(-len(domains) // 10)]
