"""Recipes: every setting that decides which pairs are kept and how they are stored, validated as a whole.

Units are in the names. `None` switches a threshold off; `0` means zero. `schemas.recipe_file` reads them from YAML.
"""

from schemas.recipe.clip import ClipModel, model_slug
from schemas.recipe.dedup import DecontaminateSettings, DedupImagesSettings, DedupPairsSettings
from schemas.recipe.download import DownloadSettings, ImageRules
from schemas.recipe.selection import SelectSettings, ShardSettings
from schemas.recipe.text import (
    CaptionEdits,
    CaptionRules,
    FrequencyRules,
    LanguageSettings,
    MetadataSettings,
    PartsOfSpeech,
    UrlRules,
    Vocabulary,
)
from schemas.recipe.whole import Recipe

__all__ = [
    "CaptionEdits",
    "CaptionRules",
    "ClipModel",
    "DecontaminateSettings",
    "DedupImagesSettings",
    "DedupPairsSettings",
    "DownloadSettings",
    "FrequencyRules",
    "ImageRules",
    "LanguageSettings",
    "MetadataSettings",
    "PartsOfSpeech",
    "Recipe",
    "SelectSettings",
    "ShardSettings",
    "UrlRules",
    "Vocabulary",
    "model_slug",
]
