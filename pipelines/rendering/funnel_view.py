"""The funnel and the languages as rows of numbers and widths, which a template lays out."""

from __future__ import annotations

from dataclasses import dataclass

from babelsift.schemas import IN, OUT, STAGE_ORDER, Funnel, Recipe, RejectReason, Stage, StageFunnel
from babelsift.schemas.recipe import DedupImagesSettings, SelectSettings

PALETTE_SIZE = 8  # colours for reasons in style.css: r0 to r7; the last is for the reasons that share one
SHOWN_LANGUAGES = 30
UNDETERMINED = "und"

STAGE_NOTES = {
    Stage.READ.value: "rows that hold a pair",
    Stage.RULES.value: "captions and URLs",
    Stage.LANGUAGE.value: "language of the caption",
    Stage.TEXT_COLUMNS.value: "what is said of captions and URLs",
    Stage.FREQUENCY.value: "captions and images seen too often",
    Stage.METADATA.value: "metadata entries in the caption",
    Stage.DEDUP_PAIRS.value: "the same pair once",
    Stage.DOWNLOAD.value: "images from the web",
    Stage.IMAGE_RULES.value: "size and shape",
    Stage.DECONTAMINATE.value: "images of evaluation sets",
    Stage.DEDUP_IMAGES.value: "the same image once",
    Stage.SCORE.value: "CLIP similarity",
    Stage.IMAGE_COLUMNS.value: "what is said of images and pairs",
    Stage.DECONTAMINATE_EMBEDDINGS.value: "clear of evaluation images, by embedding",
    Stage.DEDUP_SEMANTIC.value: "the same content once",
    Stage.SELECT.value: "the cut by similarity",
    Stage.BALANCE.value: "frequent concepts thinned out",
    Stage.SHARD.value: "what was written",
}


@dataclass(frozen=True)
class ReasonRow:
    """A reason at one stage. `width` is in percent of the widest bar; `colour` is an index into the palette."""

    reason: str
    rows: int
    width: float
    colour: int


@dataclass(frozen=True)
class StageBar:
    """One stage's bar: the kept part, then the rejected part by reason, most frequent first. Widths in percent."""

    stage: str
    note: str
    in_rows: int
    out_rows: int
    rejected_rows: int
    kept_width: float
    reasons: tuple[ReasonRow, ...]


@dataclass(frozen=True)
class LanguageRow:
    """What became of one language: rows identified, rows past the language stage, rows kept at the end."""

    language: str
    identified: int
    passed: int
    kept: int

    @property
    def kept_width(self) -> float:
        """Percent of the identified rows that were kept."""
        return _percent(self.kept, self.identified)

    @property
    def lost_later_width(self) -> float:
        """Percent of the identified rows that passed the language stage and were lost after it."""
        return _percent(max(self.passed - self.kept, 0), self.identified)


@dataclass(frozen=True)
class RemovalRow:
    """How many of a language's rows a stage left out for one reason."""

    language: str
    in_rows: int
    removed: int


def near_caption_rows(funnel: Funnel) -> list[RemovalRow]:
    """Returns how many near-duplicate captions each language lost, the most first; empty where none was left out."""
    rows = []
    for stage in funnel.stages:
        for language, removed in stage.rejected_by_language.get(RejectReason.NEAR_DUPLICATE_CAPTION.value, {}).items():
            rows.append(RemovalRow(language, stage.by_language[language][IN], removed))
    return sorted(rows, key=lambda row: (-row.removed, row.language))[:SHOWN_LANGUAGES]


def reasons_of(stage: StageFunnel) -> list[tuple[str, int]]:
    """Returns a stage's reasons and rows, most frequent first; reasons that met no row are left out."""
    return sorted(((reason, rows) for reason, rows in stage.rejected.items() if rows), key=lambda r: (-r[1], r[0]))


def stage_bars(funnel: Funnel) -> list[StageBar]:
    """Returns a bar a stage, all on one scale: the stage with the most rows in is 100 percent wide."""
    widest = max((stage.in_rows for stage in funnel.stages), default=0)
    return [
        StageBar(
            stage=stage.stage,
            note=STAGE_NOTES.get(stage.stage, ""),
            in_rows=stage.in_rows,
            out_rows=stage.out_rows,
            rejected_rows=stage.rejected_rows,
            kept_width=_percent(stage.out_rows, widest),
            reasons=tuple(
                ReasonRow(reason, rows, _percent(rows, widest), min(rank, PALETTE_SIZE - 1))
                for rank, (reason, rows) in enumerate(reasons_of(stage))
            ),
        )
        for stage in funnel.stages
    ]


def off_stages(recipe: Recipe) -> list[str]:
    """Returns the stages that a recipe switches off, in order: rows pass them by, and nothing is compared."""
    select = recipe.select.model_copy(update={"model": None})
    is_on = {
        Stage.FREQUENCY: any(value is not None for value in recipe.frequency.model_dump().values()),
        Stage.METADATA: recipe.metadata is not None,
        Stage.IMAGE_RULES: any(value is not None for value in recipe.images.model_dump().values()),
        Stage.DECONTAMINATE: bool(recipe.decontaminate.against),
        Stage.DEDUP_IMAGES: recipe.dedup_images != DedupImagesSettings(exact=False),
        Stage.SCORE: bool(recipe.model_names or recipe.all_heads),
        Stage.DECONTAMINATE_EMBEDDINGS: bool(recipe.decontaminate.embeddings),
        Stage.DEDUP_SEMANTIC: recipe.dedup_semantic is not None,
        Stage.SELECT: select != SelectSettings(),
        Stage.BALANCE: recipe.balance is not None,
    }
    return [stage.value for stage in STAGE_ORDER if not is_on.get(stage, True)]


def language_rows(funnel: Funnel) -> list[LanguageRow]:
    """Returns what became of every language, the most frequent first; empty where no stage knows languages."""
    stages = {stage.stage: stage.by_language for stage in funnel.stages if stage.by_language}
    if not stages:
        return []
    first = stages.get(Stage.LANGUAGE.value) or next(iter(stages.values()))
    last = funnel.stages[-1].by_language
    rows = [
        LanguageRow(
            language=language,
            # A stage that did not count a language's rows on their way in has still let them through.
            identified=max(counts.get(IN, 0), counts.get(OUT, 0)),
            passed=counts.get(OUT, 0),
            kept=last.get(language, {}).get(OUT, 0),
        )
        for language, counts in first.items()
    ]
    return sorted((row for row in rows if row.identified), key=lambda row: (-row.identified, row.language))


def kept_languages(rows: list[LanguageRow]) -> int:
    """Returns the number of languages with kept pairs; captions of unknown language do not count."""
    return sum(1 for row in rows if row.kept and row.language != UNDETERMINED)


def large_languages(rows: list[LanguageRow], minimum: int | None) -> list[str] | None:
    """Returns the languages of which at least `minimum` texts were kept, the most first; None: nobody asks for them."""
    if minimum is None:
        return None
    large = [row for row in rows if row.kept >= minimum and row.language != UNDETERMINED]
    return [row.language for row in sorted(large, key=lambda row: (-row.kept, row.language))]


def with_rest(rows: list[LanguageRow], limit: int = SHOWN_LANGUAGES) -> tuple[list[LanguageRow], LanguageRow | None]:
    """Returns the first rows, and the sum of the others as one row where there are any."""
    top, rest = rows[:limit], rows[limit:]
    if not rest:
        return top, None
    label = f"{len(rest)} other language{'s' if len(rest) > 1 else ''}"
    sums = (sum(getattr(row, name) for row in rest) for name in ("identified", "passed", "kept"))
    return top, LanguageRow(label, *sums)


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
