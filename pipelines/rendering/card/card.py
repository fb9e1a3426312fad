"""The dataset card: OUT/README.md, with the YAML header that the Hugging Face hub reads."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import yaml

from babelsift.pipelines.rendering.card.preview import previewed
from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.funnel_view import (
    UNDETERMINED,
    kept_languages,
    language_rows,
    large_languages,
    reasons_of,
)
from babelsift.pipelines.rendering.notices import DEMO_NOTICE, notices, uses_demo_model
from babelsift.pipelines.rendering.opt_outs import opt_out_forms
from babelsift.pipelines.rendering.protections import protections
from babelsift.pipelines.rendering.templating import ENVIRONMENT
from babelsift.pipelines.run_folder.paths import PREVIEW
from babelsift.pipelines.run_folder.shard_layout import INTERNAL_COLUMNS, TRAIN, VALIDATION
from babelsift.schemas import DOWNLOAD_SCHEMA, Funnel, Recipe, similarity_column

# The hub's own buckets: https://github.com/huggingface/hub-docs/blob/main/datasetcard.md
_SIZE_NAMES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
_SHOWN_LANGUAGES = 20
_NOT_IN_JSON = INTERNAL_COLUMNS | {"image_extension"}


def render_card(
    data: ReportData, *, samples_per_shard: int, shards: int, bytes_total: int, validation_shards: int = 0
) -> str:
    """Returns the card as Markdown.

    Args:
        data: the run.
        samples_per_shard: samples in every shard but the last.
        shards: training shards that were written.
        bytes_total: bytes of all tars.
    """
    languages = [row for row in language_rows(data.funnel) if row.kept]
    languages.sort(key=lambda row: (-row.kept, row.language))
    return ENVIRONMENT.get_template("card.md").render(
        header=yaml.safe_dump(
            card_header(data, validation=validation_shards > 0), sort_keys=False, allow_unicode=True, width=100
        ).strip(),
        recipe=data.recipe,
        opt_outs=opt_out_forms(data),
        protections=protections(data),
        funnel=data.funnel,
        kept=data.funnel.kept_rows,
        images=data.kept_images,
        languages=languages[:_SHOWN_LANGUAGES],
        languages_left_out=max(len(languages) - _SHOWN_LANGUAGES, 0),
        language_count=kept_languages(languages),
        large_languages=large_languages(languages, data.recipe.language.report_min_texts),
        main_reasons={stage.stage: [reason for reason, _ in reasons_of(stage)[:3]] for stage in data.funnel.stages},
        fields=sample_fields(data),
        image_members=_image_members(data.recipe),
        shards=shards,
        validation_shards=validation_shards,
        samples_per_shard=samples_per_shard,
        shard_pattern=_shard_pattern(shards),
        bytes_total=bytes_total,
        facts=data.facts,
        previewed=previewed(data.samples),
        preview_path=PREVIEW,
        # The card opens with the demo's own words.
        notices=[notice for notice in notices(data) if notice != DEMO_NOTICE],
        demo=uses_demo_model(data.recipe),
    )


def card_header(data: ReportData, *, validation: bool = False) -> dict[str, Any]:
    """Returns the card's metadata; languages are those with kept pairs.

    Args:
        data: the run.
        validation: whether there are validation shards.
    """
    languages = _hub_languages(data.funnel)
    header: dict[str, Any] = {"pretty_name": data.recipe.name}
    if languages:
        header["language"] = languages
        header["multilinguality"] = ["multilingual" if len(languages) > 1 else "monolingual"]
    header["license"] = "other"
    header["size_categories"] = [size_category(data.kept_images)]
    header["task_categories"] = ["image-to-text", "text-to-image", "zero-shot-image-classification"]
    header["tags"] = ["webdataset", "image-text pairs", "clip", "alt-text", "babelsift"]
    if data.funnel.kept_rows:
        # Named, or the hub would take the parquet files beside the tars for the data.
        splits = (TRAIN, VALIDATION) if validation else (TRAIN,)
        files = [{"split": split.name, "path": f"{split.folder}/*.tar"} for split in splits]
        header["configs"] = [{"config_name": "default", "data_files": files}]
    return header


def size_category(rows: int) -> str:
    """Returns the hub's word for a data set of that many rows."""
    if rows < 1000:
        return "n<1K"
    for power, low in enumerate(_SIZE_NAMES[:-1], start=1):
        if rows < 1000 * 10**power:
            return f"{low}<n<{_SIZE_NAMES[power]}"
    return "n>1T"


def _hub_languages(funnel: Funnel) -> list[str]:
    """Returns ISO 639 codes, sorted: the hub knows no scripts and has no word for an unknown language."""
    codes = {row.language.split("-")[0] for row in language_rows(funnel) if row.kept}
    return sorted(code for code in codes - {UNDETERMINED} if code.isascii() and code.isalpha() and len(code) in (2, 3))


def sample_fields(data: ReportData) -> list[tuple[str, str, str]]:
    """Returns (name, type, unit) of the columns that the json of a sample and the parquet beside its shard hold."""
    recipe = data.recipe
    fields = [("key", "string", "name of the sample's members")]
    fields += [_described(column) for column in DOWNLOAD_SCHEMA if column.name not in _NOT_IN_JSON]
    fields += [_described(column) for column in recipe.download.further_columns]
    for model in recipe.clip:
        weights = f"{model.model} {model.pretrained or ''}".strip()
        fields.append(
            (similarity_column(str(model.name)), "float", f"cosine, -1 to 1, of {weights} in {model.precision}")
        )
    for head in recipe.all_heads:
        source = head.classifier or f"a head on {head.model or recipe.model_names[0]}"
        fields.append((head.name, "float", f"score of {source}"))
    return fields + [_described(column) for column in data.made_columns]


def _described(column: pa.Field) -> tuple[str, str, str]:
    return column.name, str(column.type), (column.metadata or {}).get(b"unit", b"").decode()


def _image_members(recipe: Recipe) -> list[str]:
    return ["jpg", "png", "webp"] if recipe.download.skip_reencode else [recipe.download.encode_format]


def _shard_pattern(shards: int) -> str:
    if shards <= 1:
        return "shards/00000000.tar"
    return f"shards/{{00000000..{shards - 1:08d}}}.tar"
