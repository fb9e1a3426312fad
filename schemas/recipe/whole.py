"""The recipe as a whole: its groups of settings, and what must hold between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from babelsift.schemas.columns import is_stage_column, similarity_column
from babelsift.schemas.recipe.contradictions import find_contradictions
from babelsift.schemas.recipe.groups.clip import OTHERS, ClipModel
from babelsift.schemas.recipe.groups.columns import Column
from babelsift.schemas.recipe.groups.dedup import (
    DecontaminateSettings,
    DedupImagesSettings,
    DedupPairsSettings,
    DedupSemanticSettings,
)
from babelsift.schemas.recipe.groups.download import DownloadSettings, ImageRules
from babelsift.schemas.recipe.groups.heads import Head
from babelsift.schemas.recipe.groups.numbers import DEFAULT, Count
from babelsift.schemas.recipe.groups.read import ReadSettings
from babelsift.schemas.recipe.groups.selection import BalanceSettings, SelectSettings
from babelsift.schemas.recipe.groups.settings import Settings
from babelsift.schemas.recipe.groups.shards import ShardSettings
from babelsift.schemas.recipe.groups.text import (
    CaptionEdits,
    CaptionRules,
    ConceptSettings,
    FrequencyRules,
    LanguageSettings,
    UrlRules,
)
from babelsift.schemas.suggestions import did_you_mean
from babelsift.schemas.unavailable_features import UNAVAILABLE_FEATURES


def _check_feature(name: str) -> str:
    if name not in UNAVAILABLE_FEATURES:
        known = ", ".join(UNAVAILABLE_FEATURES)
        raise ValueError(
            f"no feature {name!r}; {did_you_mean(name, UNAVAILABLE_FEATURES, otherwise=f'there are {known}')}"
        )
    return name


FeatureName = Annotated[str, AfterValidator(_check_feature)]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, dict) else value


def _one_or_several(entry: Any) -> BeforeValidator:
    """Takes a group alone for a list of one; the JSON Schema says so, too."""
    return BeforeValidator(_as_tuple, json_schema_input_type=entry | tuple[entry, ...])


def _languages_in(setting: str, value: object) -> list[tuple[str, str]]:
    return [(setting, code) for code in value if code != DEFAULT] if isinstance(value, Mapping) else []


class Recipe(Settings):
    """Every setting of a run; its groups stand in the order in which a pair meets them.

    Attributes:
        name: of the recipe: letters, digits, `.`, `_`, `-`
        description: one line for `babelsift recipes`
        requires: parts that are missing: the recipe does not run until they are taken out
        omits: parts of the published recipe that are left out and change no pair's fate
        seed: of all that is drawn: caps, balancing, the order in the shards
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    description: str = ""
    requires: tuple[FeatureName, ...] = ()
    omits: tuple[FeatureName, ...] = ()
    seed: Count = 0
    read: ReadSettings = ReadSettings()
    caption_edits: CaptionEdits = CaptionEdits()
    captions: CaptionRules = CaptionRules()
    urls: UrlRules = UrlRules()
    language: LanguageSettings = LanguageSettings()
    frequency: FrequencyRules = FrequencyRules()
    metadata: ConceptSettings | None = None
    dedup_pairs: DedupPairsSettings = DedupPairsSettings()
    download: DownloadSettings = DownloadSettings()
    images: ImageRules = ImageRules()
    decontaminate: DecontaminateSettings = DecontaminateSettings()
    dedup_images: DedupImagesSettings = DedupImagesSettings()
    clip: Annotated[tuple[ClipModel, ...], Field(strict=False), _one_or_several(ClipModel)] = ()
    heads: Annotated[tuple[Head, ...], Field(strict=False), _one_or_several(Head)] = ()
    columns: Annotated[tuple[Column, ...], Field(strict=False), _one_or_several(Column)] = ()
    dedup_semantic: DedupSemanticSettings | None = None
    select: SelectSettings = SelectSettings()
    balance: BalanceSettings | None = None
    shards: ShardSettings = ShardSettings()

    @model_validator(mode="after")
    def _groups_fit(self) -> Recipe:
        names = self.model_names
        if len(set(names)) < len(names):
            raise ValueError(f"clip: two models are both named {max(names, key=names.count)!r}; give each its own name")
        columns = (*self.head_names, *(column.name for column in self.made_columns))
        self.select.check_models(self.model_names, columns)
        if self.shards.embeddings and not any(model.keep_embeddings for model in self.clip):
            raise ValueError("shards.embeddings needs a clip model with keep_embeddings: true; add one, or turn it off")
        if self.shards.texts.choose == "best_similarity" and not self.clip:
            raise ValueError(
                "shards.texts.choose: best_similarity needs a clip model; add `clip:`, or choose by another"
            )
        if self.balance is not None and self.metadata is None:
            raise ValueError("balance needs the concepts that captions match; add `metadata: {entries: FILE}`")
        return self

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> Recipe:
        if any(model.languages == OTHERS for model in self.clip) and not any(
            isinstance(model.languages, tuple) for model in self.clip
        ):
            raise ValueError("clip: languages `others` than which? Name some at another model, or leave it out")
        return self

    @model_validator(mode="after")
    def _compared_embeddings_are_kept(self) -> Recipe:
        for group, name in self.compared_models.items():
            self._check_embeddings(group, name)
        return self

    def _check_embeddings(self, group: str, name: str | None) -> None:
        model = self.model_named(name)
        if model is None:
            wanted = f"clip model {name!r}" if name else "a clip model"
            raise ValueError(f"{group} needs the embeddings of {wanted}, there are {list(self.model_names)}")
        if not model.keep_embeddings:
            raise ValueError(f"{group} reads the embeddings of {model.name!r}; set its keep_embeddings to true")

    @model_validator(mode="after")
    def _heads_have_models(self) -> Recipe:
        read_embeddings = {head.name: head.model for head in self.all_heads if not head.classifier}
        read_embeddings |= {
            one.name: None if one.model is None else str(one.model) for one in self.columns if one.of == "embedding"
        }
        groups = [("heads", head.name) for head in self.heads] + [("columns", column.name) for column in self.columns]
        names = [name for _, name in groups]
        if len(set(names)) < len(names):
            twice = max(names, key=names.count)
            where = " and ".join(dict.fromkeys(group for group, name in groups if name == twice))
            raise ValueError(f"{where}: two are both named {twice!r}; give each its own name")
        for group, name in groups:
            what = group.removesuffix("s")
            if name in self.model_names:
                raise ValueError(f"{group}: {name!r} is the name of a clip model; give the {what} another name")
            if is_stage_column(name):
                raise ValueError(f"{group}: {name!r} is a column that a stage has; give the {what} another name")
            if name not in read_embeddings:
                continue
            wanted_model = read_embeddings[name]
            model = self.model_named(wanted_model)
            if model is None:
                wanted = f"clip model {wanted_model!r}" if wanted_model else "a clip model"
                raise ValueError(f"{group}: {name!r} needs {wanted}, there are {list(self.model_names)}")
            if not model.keep_embeddings:
                raise ValueError(f"{group}: {name!r} reads the embeddings of {model.name!r}; let it keep_embeddings")
        return self

    @model_validator(mode="after")
    def _can_keep_a_pair(self) -> Recipe:
        if contradictions := find_contradictions(self):
            raise ValueError("; ".join(contradictions))
        return self

    @property
    def named_languages(self) -> list[tuple[str, str]]:
        """Each language that a setting names, as (setting, code); the language model must be able to identify it."""
        named = [("language.keep", code) for code in self.language.keep or ()]
        for model in self.clip:
            if isinstance(model.languages, tuple):
                named += [("clip.languages", code) for code in model.languages]
        for rule, _ in self.select.walk():
            named += [("select.languages", code) for code in rule.languages or ()]
            for setting in ("model", "min_similarity", "top_fraction_by_language"):
                named += _languages_in(f"select.{setting}", getattr(rule, setting))
            for name, condition in rule.conditions.items():
                named += [("select.conditions", code) for code in condition.languages if code != DEFAULT]
                if name == "language":
                    wanted = (code for kind, codes in condition.value_lists if kind == "in" for code in codes)
                    named += [("select.conditions.language", str(code)) for code in wanted]
        for column in self.columns:
            named += _languages_in("columns.model", column.model)
        named += _languages_in("select.min_pairs_per_language", self.select.min_pairs_per_language)
        named += _languages_in("select.caps.per_language", self.select.caps.per_language)
        return list(dict.fromkeys(named))

    def model_named(self, name: str | None) -> ClipModel | None:
        """Returns the CLIP model with a name, or the first model where `name` is None; None where there is none."""
        return next((model for model in self.clip if name in (None, model.name)), None)

    @property
    def compared_models(self) -> dict[str, str | None]:
        """The groups that compare embeddings, each with the name of its model; None stands for the first model."""
        models = {}
        if self.decontaminate.min_cosine is not None:
            models["decontaminate"] = self.decontaminate.model
        if self.dedup_semantic is not None:
            models["dedup_semantic"] = self.dedup_semantic.model
        return models

    @property
    def score_columns(self) -> tuple[str, ...]:
        """The float columns that scoring adds, which a selection may go by: similarities, then heads' scores."""
        return (*map(similarity_column, self.model_names), *self.head_names)

    @property
    def head_names(self) -> tuple[str, ...]:
        """The names of the heads, in order, which are their columns' names."""
        return tuple(head.name for head in self.all_heads)

    @property
    def all_heads(self) -> tuple[Head, ...]:
        """The heads and classifiers that the score stage runs: those of `heads`, then those of `columns`."""
        return (*self.heads, *(column.head for column in self.columns if column.head is not None))

    @property
    def made_columns(self) -> tuple[Column, ...]:
        """The columns that stages of their own make: all of `columns` but heads."""
        return tuple(column for column in self.columns if column.head is None)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The names of the CLIP models, in order; the first decides unless `select.model` names another."""
        return tuple(str(model.name) for model in self.clip)
