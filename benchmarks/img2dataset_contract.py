"""Holds our staging folder to img2dataset's own, field by field: `python -m benchmarks.img2dataset_contract`.

The real img2dataset 1.47 and we download the same list from the same server on loopback, with the same options.
Compared are file names, keys, json fields, parquet columns and types, statuses, error texts, hashes, sizes, stats and
pixels. Then img2dataset is run again with our folder as its output folder: its incremental check must find nothing left
to do. Last, clip-retrieval's reader reads both folders, where torch is installed. Exit code 1 where anything differs.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq

from babelsift.pipelines.job.run import run
from babelsift.pipelines.staging.img2dataset.status import reason_of
from babelsift.schemas import Recipe
from babelsift.schemas.recipe import DownloadSettings
from benchmarks.peers.environments import HOME, run_peer
from benchmarks.workloads.img2dataset_web import contract_table, contract_web

_SHARD_ROWS = 8
_MIN_PSNR_DB = 38
_CLIP_RETRIEVAL = "clip-retrieval==2.45.0"
_RUNS: dict[str, dict[str, Any]] = {
    "defaults": {
        "image_size": 64,
        "resize_mode": "keep_ratio",
        "resize_only_if_bigger": True,
        "min_image_size": 20,
        "max_image_area": 500_000.0,
        "max_aspect_ratio": 3.0,
        "user_agent_token": "mybot",
    },
    "md5 verified, no exif, png, cropped, boxes blurred": {
        "image_size": 96,
        "resize_mode": "center_crop",
        "resize_only_if_bigger": False,
        "encode_format": "png",
        "encode_quality": 2,
        "compute_hash": "md5",
        "verify_hash": ["digest", "md5"],
        "extract_exif": False,
        "bbox_col": "boxes",
        "disallowed_header_directives": ["noai"],
    },
    "no hash, webp, border": {
        "image_size": 80,
        "resize_mode": "border",
        "resize_only_if_bigger": False,
        "encode_format": "webp",
        "compute_hash": None,
        "disallowed_header_directives": [],
    },
}


def main() -> int:
    """Makes every comparison; prints what agrees and what does not."""
    differences: list[str] = []
    with tempfile.TemporaryDirectory() as home, contract_web() as (base, requests):
        for number, (name, options) in enumerate(_RUNS.items()):
            place = Path(home, str(number))
            place.mkdir()
            table = place / "list.parquet"
            pq.write_table(contract_table(base), table)
            theirs = _theirs(table, place / "theirs", options)
            ours = _ours(table, place / "ours", options)
            found, what = _compared(theirs, ours, options)
            before, asked = _snapshot(ours), sum(requests.values())
            _theirs(table, ours, options)
            if _snapshot(ours) != before or sum(requests.values()) != asked:
                found.append(f"incremental: img2dataset asked {sum(requests.values()) - asked} URLs again")
            found += _read_by_clip_retrieval([theirs, ours], options)
            print(f"{name}: {what}, {len(found)} differences", flush=True)
            differences += [f"{name}: {line}" for line in found]
    print("\n".join(differences) or "no differences; img2dataset found every one of our shards finished")
    return 1 if differences else 0


# --- the two sides


def _theirs(table: Path, output: Path, options: dict[str, Any]) -> Path:
    settings = {
        "url_list": str(table),
        "input_format": "parquet",
        "url_col": "url",
        "caption_col": "caption",
        "output_format": "webdataset",
        "output_folder": str(output),
        "processes_count": 1,
        "thread_count": 8,
        "number_sample_per_shard": _SHARD_ROWS,
        "timeout": 1,
        "save_additional_columns": ["PUNSAFE"],
        **options,
    }
    file = output.with_suffix(".json")
    file.write_text(json.dumps(settings))
    run_peer("img2dataset", "img2dataset_run.py", str(file))
    return output


def _ours(table: Path, output: Path, options: dict[str, Any]) -> Path:
    content = {
        **options,
        "timeout_s": 1.0,
        "retries": 0,
        "ports": None,
        "allow_addresses": ["127.0.0.0/8"],
        "samples_per_staging_shard": _SHARD_ROWS,
    }
    recipe = Recipe(
        name="contract",
        download=DownloadSettings.model_validate_json(json.dumps(content)),
    )
    run(recipe, [str(table)], str(output))
    return output / "staging" / "images"


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


# --- the comparison


def _compared(theirs: Path, ours: Path, options: dict[str, Any]) -> tuple[list[str], str]:
    """Returns (what differs, one line on what was compared)."""
    sides = [_Folder(folder, options.get("encode_format", "jpg")) for folder in (theirs, ours)]
    found = sides[0].suffixes.symmetric_difference(sides[1].suffixes)
    lines = [f"files end in {suffix} in one folder only" for suffix in found]
    lines += [line for side in sides for line in side.wrong_keys()]
    for name, kind in sides[0].types.items():
        if name in ("PUNSAFE", "boxes"):
            continue  # carried to the shards, not to staging
        if sides[1].types.get(name) != kind:
            lines.append(f"parquet column {name}: {kind} there, {sides[1].types.get(name)} here")
    if set(sides[0].rows) != set(sides[1].rows):
        lines.append("the folders have other URLs")
    for url, row in sides[0].rows.items():
        lines += [f"{url}: {line}" for line in _rows_differ(row, sides[1].rows[url])]
        lines += [f"{url}: {line}" for line in _samples_differ(sides[0].samples.get(url), sides[1].samples.get(url))]
    counts = [Counter({name: sum(one[name] for one in side.stats) for name in _COUNTED}) for side in sides]
    if counts[0] != counts[1]:
        lines.append(f"stats: {dict(counts[0])} there, {dict(counts[1])} here")
    missing = {name for one in sides[0].stats for name in one} - {name for one in sides[1].stats for name in one}
    lines += [f"stats: {name} is missing" for name in sorted(missing)]
    texts = len({row["error_message"] for row in sides[0].rows.values()})
    apart = min(_psnr(*(side.samples[url]["image"] for side in sides)) for url in sides[0].samples)
    what = f"{len(sides[0].rows)} rows, {texts} error texts, {len(sides[0].samples)} images, >= {apart:.1f} dB"
    return lines, what


_COUNTED = ("count", "successes", "failed_to_download", "failed_to_resize")


class _Folder:
    """Everything in an output folder, by URL."""

    def __init__(self, folder: Path, encode_format: str) -> None:
        files = [path for path in sorted(folder.iterdir()) if path.is_file()]
        self.suffixes = {path.name[5:] for path in files}
        self.stats = [json.loads(path.read_text()) for path in files if path.name.endswith("_stats.json")]
        tables = {path.name[:5]: pq.read_table(path) for path in files if path.suffix == ".parquet"}
        self.types = {field.name: field.type for table in tables.values() for field in table.schema}
        self.shards = {row["key"]: shard for shard, table in tables.items() for row in table.to_pylist()}
        self.rows = {row["url"]: row for table in tables.values() for row in table.to_pylist()}
        self.samples: dict[str, dict[str, Any]] = {}
        for path in files:
            if path.suffix == ".tar":
                for sample in _tar_samples(path):
                    self.samples[sample["json"]["url"]] = {**sample, "image": sample[encode_format]}

    def wrong_keys(self) -> Iterator[str]:
        """Keys of a shard are its number and a position, of as many digits as img2dataset gives them."""
        for key, shard in self.shards.items():
            if not (len(key) == 6 and key.isdecimal() and key[:5] == shard and int(key[5]) < _SHARD_ROWS):
                yield f"key {key} of shard {shard}"


def _tar_samples(path: Path) -> Iterator[dict[str, Any]]:
    samples: dict[str, dict[str, Any]] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            key, _, extension = member.name.partition(".")
            content = tar.extractfile(member).read()  # type: ignore[union-attr]
            samples.setdefault(key, {})[extension] = json.loads(content) if extension == "json" else content
    yield from samples.values()


def _rows_differ(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    for name, value in theirs.items():
        if name in ("key", "PUNSAFE", "boxes", "exif", "error_message"):
            continue
        if ours.get(name) != value:
            yield f"{name} is {value!r} there, {ours.get(name)!r} here"
    if theirs.get("exif"):
        full, few = json.loads(theirs["exif"]), json.loads(ours["exif"] or "{}")
        yield from (f"exif {k}: {full.get(k)!r} there, {v!r} here" for k, v in few.items() if full.get(k) != v)
        yield from (f"exif {k} is missing" for k in ("Image Make", "Image Model") if k in full and k not in few)
    text, our_text = theirs["error_message"], ours["error_message"]
    if text != our_text and text is not None:
        # Its own words for what urllib, ssl or cv2 raised are whatever these said: the same reason is what counts.
        reason = reason_of(theirs["status"], text)[0].value
        alike = ours["reason"] == reason or (reason, ours["reason"]) == ("image_undecodable", "not_an_image")
        if not alike or text.startswith("HTTP Error 4") or our_text is None:
            yield f"error_message is {text!r} there, {our_text!r} here ({reason}, {ours['reason']})"


def _samples_differ(theirs: dict[str, Any] | None, ours: dict[str, Any] | None) -> Iterator[str]:
    if theirs is None or ours is None:
        if theirs is not ours:
            yield "has an image on one side only"
        return
    if set(theirs) != set(ours):
        yield f"members {sorted(theirs)} there, {sorted(ours)} here"
    if theirs["txt"] != ours["txt"]:
        yield "txt differs"
    for name, value in theirs["json"].items():
        if name not in ("key", "PUNSAFE", "boxes", "exif") and ours["json"].get(name, value) != value:
            yield f"json {name} is {value!r} there, {ours['json'].get(name)!r} here"
        elif name not in ours["json"] and name not in ("PUNSAFE", "boxes"):
            yield f"json {name} is missing"
    if (psnr := _psnr(theirs["image"], ours["image"])) < _MIN_PSNR_DB:
        yield f"images are {psnr:.1f} dB alike"


def _psnr(*files: bytes) -> float:
    """Of two image files, in dB; none where their sizes differ."""
    images = [cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR) for file in files]
    return cv2.PSNR(*images) if images[0].shape == images[1].shape else 0.0


def _read_by_clip_retrieval(folders: list[Path], options: dict[str, Any]) -> list[str]:
    """What its reader finds in each folder must be as many samples."""
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("webdataset") is None:
        print("clip-retrieval's reader is left out: torch or webdataset is not installed")
        return []
    module = _clip_retrieval_reader()
    counts = []
    for folder in folders:
        dataset = module.create_webdataset(
            [str(tar) for tar in sorted(folder.glob("*.tar"))],
            lambda image: np.asarray(image.convert("RGB")).shape,
            lambda texts: texts,
            image_key=options.get("encode_format", "jpg"),
            enable_metadata=True,
        )
        counts.append(sorted((one["text"], one["image_tensor"]) for one in dataset))
    return [] if counts[0] == counts[1] and counts[0] else [f"clip-retrieval reads {counts[0]} there, {counts[1]} here"]


def _clip_retrieval_reader() -> Any:
    python = HOME / "img2dataset" / "bin" / "python"
    locate = "import importlib.util as u; print(u.find_spec('clip_retrieval').submodule_search_locations[0])"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "pip", "install", "--quiet", "--no-deps", "--python", python, _CLIP_RETRIEVAL], check=True)
    where = subprocess.run([python, "-c", locate], check=True, capture_output=True, text=True).stdout.strip()
    spec = importlib.util.spec_from_file_location("clip_reader", Path(where, "clip_inference", "reader.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
