"""The groups of a recipe's settings: a module for each part of a run that has some.

settings     what all groups have in common; lists inline or by file
numbers      the kinds of numbers and codes
read, text   reading the input; rules on captions and URLs, languages, frequencies, concepts
download     fetching and storing images, and rules on them; opt_outs: which opt-outs count;
             faces: what becomes of faces; hash_lists: known images that are left out
clip, heads  models of similarity, and scores beside it
columns      scores by models and functions of the user's own
dedup        what counts as the same
selection    thresholds, caps, balancing; conditions: on columns; shards: what is written of what is kept

`babelsift.schemas.recipe` exports the same names, and the recipe as a whole.
"""

from babelsift.schemas.recipe.groups.clip import ClipModel, Route, model_slug, routes
from babelsift.schemas.recipe.groups.columns import Column
from babelsift.schemas.recipe.groups.conditions import Condition
from babelsift.schemas.recipe.groups.dedup import (
    DecontaminateSettings,
    DedupImagesSettings,
    DedupPairsSettings,
    DedupSemanticSettings,
    NearCaptions,
    RemovalRateBounds,
)
from babelsift.schemas.recipe.groups.download import DownloadSettings, ImageRules
from babelsift.schemas.recipe.groups.faces import FaceSettings
from babelsift.schemas.recipe.groups.hash_lists import HashListSettings
from babelsift.schemas.recipe.groups.heads import Head, HeadClusters, HeadLayers, HeadPrompts
from babelsift.schemas.recipe.groups.numbers import DEFAULT, setting_for
from babelsift.schemas.recipe.groups.opt_outs import OptOutSettings
from babelsift.schemas.recipe.groups.read import ReadSettings
from babelsift.schemas.recipe.groups.selection import (
    BalanceSettings,
    ModelChoice,
    PairCaps,
    SelectRule,
    SelectSettings,
    model_for,
)
from babelsift.schemas.recipe.groups.shards import ShardSettings, ShardTexts
from babelsift.schemas.recipe.groups.text import (
    CaptionEdits,
    CaptionRules,
    ConceptSettings,
    FrequencyRules,
    LanguageSettings,
    PartsOfSpeech,
    UrlRules,
    Vocabulary,
)

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
    "FaceSettings",
    "FrequencyRules",
    "HashListSettings",
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
