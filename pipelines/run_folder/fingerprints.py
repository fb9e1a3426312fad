"""What shaped each stage's output: its settings and what went before, so that it can be said what a change redoes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from babelsift.pipelines.run_folder.condition_stages import condition_stages, stage_of_column
from babelsift.pipelines.run_folder.shaping_settings import shaping_settings
from babelsift.pipelines.storage.errors import retrying, storage_failures
from babelsift.pipelines.storage.file_systems import open_file_system
from babelsift.schemas import OPTIONAL_STAGES, InputError, Recipe, Stage, public_url, public_values

# Which stage each group of a recipe's settings shapes.
STAGE_OF_GROUP = {
    "read": Stage.READ,
    "caption_edits": Stage.RULES,
    "captions": Stage.RULES,
    "urls": Stage.RULES,
    "language": Stage.LANGUAGE,
    "frequency": Stage.FREQUENCY,
    "metadata": Stage.METADATA,
    "dedup_pairs": Stage.DEDUP_PAIRS,
    "download": Stage.DOWNLOAD,
    "images": Stage.IMAGE_RULES,
    "decontaminate": Stage.DECONTAMINATE,
    "dedup_images": Stage.DEDUP_IMAGES,
    "clip": Stage.SCORE,
    "heads": Stage.SCORE,
    "columns": Stage.TEXT_COLUMNS,  # and others, by what a column is of
    "dedup_semantic": Stage.DEDUP_SEMANTIC,
    "select": Stage.SELECT,
    "balance": Stage.BALANCE,
    "shards": Stage.SHARD,
}
CONDITIONS = "select.conditions"  # these decide at the end of the stage that makes their column
_SAYS_NOTHING = {"name", "description", "requires", "omits"}
# What stops a run, or is said of it, and shapes no row.
_NOT_SHAPING = {"read": {"max_unreadable_rate"}, "language": {"report_min_texts"}}
# Settings that came later: with these values a stage gives what it gave before.
_CAME_LATER: dict[str, dict[str, Any]] = {
    "read": {"columns": None, "page_opt_outs": True},
    "captions": {"reject_national_numbers": False, "reject_ibans": False},
    "language": {"source": "replace"},
    "select": {"one_to_one_in": None},
}
# How fast a model runs and where changes no score.
_NOT_SCORING = {"batch_size", "device", "name", "decode_processes"}
# Came later: without it a model is what it was.
_CODE_OF_MODELS = ("remote_code", False)
_NOT_SAYING = {"batch_size", "device", "name", "timeout_s", "on_error", "max_failure_rate"}
# Their outputs are found again row by row, whatever was changed before them.
PAID_ONCE = (Stage.TEXT_COLUMNS, Stage.DOWNLOAD, Stage.SCORE, Stage.IMAGE_COLUMNS)

Settings = dict[str, Any]


def stage_settings(recipe: Recipe, input_files: Mapping[str, Any]) -> dict[str, Settings]:
    """Returns {stage: {setting's path in the recipe: value}} of all that shapes the stages' outputs, as JSON has it.

    A group that no stage is named for counts as the first rules': then too much is said to be redone, never too little.
    """
    found: dict[str, Settings] = {stage.value: {} for stage in Stage if stage not in OPTIONAL_STAGES}
    found[Stage.READ.value] = {"input": dict(input_files)}
    for group, value in recipe.model_dump(mode="json").items():
        if group in _SAYS_NOTHING:
            continue
        if group == "seed":
            for stage in _drawing_stages(recipe):
                found[stage.value]["seed"] = value
            continue
        if group in _CAME_LATER:
            passed_over, new = _NOT_SHAPING.get(group, set()), _CAME_LATER[group].items()
            value = {key: value[key] for key in value if key not in passed_over and (key, value[key]) not in new}
            if not value:
                continue
        elif group == "download":
            value = shaping_settings(recipe.download) | _listed_hashes(recipe)
        elif group == "clip":
            value = {
                one["name"]: {
                    key: one[key] for key in one if key not in _NOT_SCORING and (key, one[key]) != _CODE_OF_MODELS
                }
                for one in value
            }
        elif group == "columns":
            for column, dumped in zip(recipe.columns, value, strict=True):
                said = {key: dumped[key] for key in dumped if key not in _NOT_SAYING}
                found.setdefault(stage_of_column(column).value, {}).update(_leaves(f"columns.{column.name}", said))
            continue
        if group == "select":
            for name, stage in condition_stages(recipe).items():
                if stage is not Stage.SELECT:
                    leaves = _leaves(f"{CONDITIONS}.{name}", value["conditions"].pop(name))
                    found.setdefault(stage.value, {}).update(leaves)
        found[STAGE_OF_GROUP.get(group, Stage.RULES).value] |= dict(_leaves(group, value))
    return public_values(json.loads(json.dumps(found)))


def _listed_hashes(recipe: Recipe) -> Settings:
    """Says by which hash lists images are left out: names, and a digest that changes where a list's files do."""
    lists = recipe.download.hash_lists
    said = {one.name: json.dumps([one.model_dump(mode="json"), input_files(one.files)]) for one in lists}
    digests = {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in said.items()}
    return {"hash_lists": digests} if digests else {}


def _drawing_stages(recipe: Recipe) -> Iterator[Stage]:
    """The stages in which the seed draws: the shards' order always, caps and balancing where they are on."""
    if recipe.select.caps:
        yield Stage.SELECT
    if recipe.balance is not None:
        yield Stage.BALANCE
    yield Stage.SHARD


def fingerprints(settings: Mapping[str, Settings]) -> dict[str, str]:
    """Returns {stage: digest of its settings and of all that went before}, 16 hex digits, in the stages' order."""
    digest, found = hashlib.sha256(), {}
    for stage in Stage:
        if stage in OPTIONAL_STAGES and stage.value not in settings:
            continue
        digest.update(json.dumps([stage.value, settings.get(stage.value, {})], sort_keys=True).encode())
        found[stage.value] = digest.hexdigest()[:16]
    return found


def changes(before: Mapping[str, Settings], now: Mapping[str, Settings]) -> dict[str, list[str]]:
    """Returns {stage: what is another in its own settings}, a line a setting; only stages that have any."""
    found = {}
    for stage in Stage:
        old, new = before.get(stage.value, {}), now.get(stage.value, {})
        lines = [
            f"{name} was {_shown(old.get(name))}, now {_shown(new.get(name))}"
            for name in sorted({*old, *new})
            if old.get(name) != new.get(name) and name != "input"
        ]
        lines += input_changes(old.get("input", {}), new.get("input", {}))
        if lines:
            found[stage.value] = lines
    return found


def input_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns a line for each way in which two lists of input files differ."""
    counts = {
        "new": [path for path in now if path not in before],
        "no longer named": [path for path in before if path not in now],
        "changed": [path for path in now if path in before and now[path] != before[path]],
    }
    return [f"{len(paths)} of the input's files {what} ({paths[0]})" for what, paths in counts.items() if paths]


def input_files(paths: Iterable[str]) -> dict[str, Any]:
    """Returns {path: what tells this version of a file from another: size, and etag or time}; null: it is gone.

    The paths are without credentials.
    """
    paths = sorted(set(paths))
    with ThreadPoolExecutor(16) as pool:
        return dict(zip(map(public_url, paths), pool.map(_version_of, paths), strict=True))


def _version_of(path: str) -> list[Any] | None:
    fs, inner = open_file_system(path)
    with storage_failures(InputError, f"{public_url(path)}: cannot be looked at"):
        try:
            info = retrying(lambda: fs.info(inner))
        except FileNotFoundError:
            return None
    marks = (info.get(name) for name in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created"))
    return [info.get("size"), next((str(mark) for mark in marks if mark), None)]


def _leaves(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}", inner)
    else:
        yield path, value


def _shown(value: Any) -> str:
    text = "off" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
