"""What a pair is at each stage, what a recipe may say, why a pair may be left out, and the errors a user can meet."""

from babelsift.schemas.columns import (
    CAPTION_CHANGES,
    DOWNLOAD_SCHEMA,
    EXTRA_VALUES,
    LANGUAGE_SCHEMA,
    LEDGER_SCHEMA,
    MATCHED_ENTRIES,
    READ_SCHEMA,
    TEXT_LANGUAGE,
    TEXT_SOURCE,
    carried_name,
    check,
    score_schema,
    similarity_column,
)
from babelsift.schemas.decision import Decision, format_value, ledger_rows
from babelsift.schemas.errors import (
    AccountingError,
    BabelsiftError,
    DownloadError,
    InputError,
    ModelError,
    RecipeError,
    RunFolderError,
    RunnerError,
    SchemaError,
    one_line,
)
from babelsift.schemas.funnel import IN, OUT, SOURCE_ROWS, Funnel, StageFunnel
from babelsift.schemas.public_urls import public_text, public_url, public_values
from babelsift.schemas.reasons import STAGE_ORDER, RejectReason, Stage
from babelsift.schemas.recipe import Recipe
from babelsift.schemas.recipe.recipe_file import dump_recipe, parse_recipe, recipe_from

__all__ = [
    "CAPTION_CHANGES",
    "DOWNLOAD_SCHEMA",
    "EXTRA_VALUES",
    "IN",
    "LANGUAGE_SCHEMA",
    "LEDGER_SCHEMA",
    "MATCHED_ENTRIES",
    "OUT",
    "READ_SCHEMA",
    "SOURCE_ROWS",
    "STAGE_ORDER",
    "TEXT_LANGUAGE",
    "TEXT_SOURCE",
    "AccountingError",
    "BabelsiftError",
    "Decision",
    "DownloadError",
    "Funnel",
    "InputError",
    "ModelError",
    "Recipe",
    "RecipeError",
    "RejectReason",
    "RunFolderError",
    "RunnerError",
    "SchemaError",
    "Stage",
    "StageFunnel",
    "carried_name",
    "check",
    "dump_recipe",
    "format_value",
    "ledger_rows",
    "one_line",
    "parse_recipe",
    "public_text",
    "public_url",
    "public_values",
    "recipe_from",
    "score_schema",
    "similarity_column",
]
