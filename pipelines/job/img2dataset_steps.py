"""Downloading by img2dataset within a run: its list of URLs, its own run, and the plan that takes what it made."""

from __future__ import annotations

import logging
from dataclasses import replace

from babelsift.pipelines.core.runners.run_job import run_job
from babelsift.pipelines.job.plan import LAST_TEXT_STAGE, RunPlan
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import Manifest
from babelsift.pipelines.run_folder.paths import IMG2DATASET_IMAGES, PARQUET, REFUSED_URLS, STATS
from babelsift.pipelines.stages.img2dataset_download.list_urls import ListUrls
from babelsift.pipelines.stages.img2dataset_download.options import img2dataset_options, shaping_options
from babelsift.pipelines.stages.img2dataset_download.run_img2dataset import run_img2dataset
from babelsift.pipelines.stages.img2dataset_folder.scan import ImportShards
from babelsift.pipelines.stages.survivors import survivors_folder
from babelsift.pipelines.staging.images import TarFolder
from babelsift.pipelines.staging.img2dataset.imported_rows import ImportPlan
from babelsift.pipelines.staging.img2dataset.listed_urls import SETTINGS, next_round, remove_all
from babelsift.schemas import RunFolderError
from babelsift.schemas.recipe import DownloadSettings


def download_by_img2dataset(plan: RunPlan, manifest: Manifest) -> RunPlan:
    """Has img2dataset download the images of the pairs that the text side left; returns the plan that takes them.

    What was listed before is finished first where failures are to be tried again, so that nothing is listed twice.

    Args:
        plan: the run's; its text side has run into its folder.
        manifest: the run folder's.

    Raises:
        RunFolderError: the folder has images that img2dataset downloaded with other settings.
        RunnerError: img2dataset failed.
    """
    folder, settings = plan.folder, plan.recipe.download
    samples_per_shard = _begin(folder, settings, force=plan.force)
    assert plan.distributor is not None

    def download() -> ImportPlan:
        run_img2dataset(
            folder,
            img2dataset_options(settings),
            samples_per_shard=samples_per_shard,
            distributor=plan.distributor or "",
        )
        return _made(folder)

    earlier = None
    if plan.retry.wants_any:
        earlier = download()
        run_job(ImportShards(folder, settings, earlier), "ImportEarlier", plan.options, plan.temp_dir)
    pairs = survivors_folder(LAST_TEXT_STAGE)
    wants = plan.retry.wants if plan.retry.wants_any else None
    number = next_round(folder)
    listing = ListUrls(folder, settings, pairs, number, manifest.partitions, earlier, wants)
    run_job(listing, "ListUrls", plan.options, plan.temp_dir)
    return replace(plan, imported=download())


def _begin(folder: RunFolder, settings: DownloadSettings, *, force: bool) -> int:
    """Returns how many rows a shard has, once it is sure that what is there was made by the same settings."""
    shaping = shaping_options(settings)
    known = folder.read_json(SETTINGS)
    if known is not None and known["options"] != shaping:
        names = [name for name in shaping.keys() | known["options"].keys() if _differs(name, shaping, known["options"])]
        if not force:
            raise RunFolderError(
                f"{folder.url}: img2dataset downloaded images there with other settings ({', '.join(sorted(names))}); "
                "pass --force to download them again, set them back, or choose another --output"
            )
        logging.info("download: img2dataset: what other settings made is removed: %s", ", ".join(sorted(names)))
        known = None
    if known is None:
        remove_all(folder)
        known = {"options": shaping, "samples_per_shard": settings.samples_per_staging_shard}
        folder.write_json(SETTINGS, known)
    return int(known["samples_per_shard"])


def _differs(name: str, *options: dict) -> bool:
    return len({str(values.get(name)) for values in options}) > 1


def _made(folder: RunFolder) -> ImportPlan:
    url = f"{folder.url.rstrip('/')}/{IMG2DATASET_IMAGES}"
    shards = tuple(int(name.removesuffix(STATS)) for name in folder.list(IMG2DATASET_IMAGES, STATS))
    return ImportPlan(TarFolder(url, 5), shards, tuple(folder.list(REFUSED_URLS, PARQUET)))
