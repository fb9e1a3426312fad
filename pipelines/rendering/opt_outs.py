"""Which opt-outs a run heard and which it did not, in words for the card and the report."""

from __future__ import annotations

from dataclasses import dataclass

from babelsift.pipelines.rendering.data import ReportData
from babelsift.schemas.recipe import OptOutSettings
from babelsift.schemas.recipe.json_schema import setting_meanings

# Facts of a run whose images img2dataset downloaded: it hears X-Robots-Tag and nothing else.
_OF_IMG2DATASET = ("downloaded with", "shape of images")
_ITS_ONLY_FORM = "x_robots_tag"
_IN_ROBOTS_TXT = "training_crawlers"
_OF_PAGES = "what crawled pages say of themselves, in `meta` elements and headers"


@dataclass(frozen=True)
class OptOutForms:
    """Forms of opt-outs, as the settings describe them up to a semicolon.

    Attributes:
        heard: those by which images were left out.
        unheard: those that were not, by the recipe or because whoever downloaded the images does not know them.
        switched_off: those of them that are on by default.
        x_robots_tag: whether that one was heard.
    """

    heard: tuple[str, ...]
    unheard: tuple[str, ...]
    switched_off: tuple[str, ...]
    x_robots_tag: bool


def opt_out_forms(data: ReportData) -> OptOutForms:
    """Returns which forms a run heard."""
    settings, defaults = data.recipe.download, OptOutSettings().model_dump()
    unknown = any(fact in data.facts for fact in _OF_IMG2DATASET)
    heard: list[tuple[str, str]] = []
    unheard: list[tuple[str, str]] = []
    for name, meaning in setting_meanings(OptOutSettings).items():
        is_heard = bool(getattr(settings.opt_outs, name))
        if name == _ITS_ONLY_FORM:
            is_heard = bool(settings.forbidding_directives)
        elif unknown or (name == _IN_ROBOTS_TXT and not settings.robots_txt):
            is_heard = False
        (heard if is_heard else unheard).append((name, meaning.partition(";")[0]))
    of_pages = () if data.recipe.read.page_opt_outs else (_OF_PAGES,)
    return OptOutForms(
        tuple(words for name, words in heard if name != _ITS_ONLY_FORM),
        (*(words for name, words in unheard if name != _ITS_ONLY_FORM), *of_pages),
        (
            *(words for name, words in unheard if name not in (_ITS_ONLY_FORM, _IN_ROBOTS_TXT) and defaults[name]),
            *of_pages,
        ),
        _ITS_ONLY_FORM in dict(heard),
    )
