"""Recipes: every setting that decides which pairs are kept and how they are stored, validated as a whole.

Units are in the names. `None` switches a threshold off; `0` means zero. `recipe_file` reads them from YAML.
"""

from babelsift.schemas.recipe.clip import ClipModel, Route, model_slug, routes
from babelsift.schemas.recipe.columns import Column
from babelsift.schemas.recipe.dedup import (
    DecontaminateSettings,
    DedupImagesSettings,
    DedupPairsSettings,
    DedupSemanticSettings,
    NearCaptions,
    RemovalRateBounds,
)
from babelsift.schemas.recipe.download import DownloadSettings, ImageRules
from babelsift.schemas.recipe.heads import Head, HeadClusters, HeadLayers, HeadPrompts
from babelsift.schemas.recipe.numbers import DEFAULT, setting_for
from babelsift.schemas.recipe.opt_outs import OptOutSettings
from babelsift.schemas.recipe.read import ReadSettings
from babelsift.schemas.recipe.selection import (
    BalanceSettings,
    Condition,
    ModelChoice,
    PairCaps,
    SelectRule,
    SelectSettings,
    ShardSettings,
    ShardTexts,
    model_for,
)
from babelsift.schemas.recipe.text import (
    CaptionEdits,
    CaptionRules,
    ConceptSettings,
    FrequencyRules,
    LanguageSettings,
    PartsOfSpeech,
    UrlRules,
    Vocabulary,
)
from babelsift.schemas.recipe.whole import Recipe

__all__ = [
    "DEFAULT",
    "BalanceSettings",
    "CaptionEdits",
    "CaptionRules",
    "ClipModel",
    "Column",
    "ConceptSettings",
    "Condition",
    "DecontaminateSettings",
    "DedupImagesSettings",
    "DedupPairsSettings",
    "DedupSemanticSettings",
    "DownloadSettings",
    "FrequencyRules",
    "Head",
    "HeadClusters",
    "HeadLayers",
    "HeadPrompts",
    "ImageRules",
    "LanguageSettings",
    "ModelChoice",
    "NearCaptions",
    "OptOutSettings",
    "PairCaps",
    "PartsOfSpeech",
    "ReadSettings",
    "Recipe",
    "RemovalRateBounds",
    "Route",
    "SelectRule",
    "SelectSettings",
    "ShardSettings",
    "ShardTexts",
    "UrlRules",
    "Vocabulary",
    "model_for",
    "model_slug",
    "routes",
    "setting_for",
]
