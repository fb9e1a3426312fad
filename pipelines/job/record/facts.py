"""The facts of a run that the manifest, the report and the card state."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from babelsift.pipelines.inputs.slices import InputPlan
from babelsift.pipelines.job.plan import RunPlan
from babelsift.pipelines.job.record.decoders import decoder_warning
from babelsift.pipelines.job.record.versions import img2dataset_version, software_versions
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import IMG2DATASET_IMAGES, INPUT_IMAGES_FOLDER
from babelsift.pipelines.staging.img2dataset.imported_rows import TAKEN_FROM, ImportPlan, import_problems
from babelsift.schemas import product_path, public_url

_PROBLEMS_SHOWN = 10


def facts_of(plan: RunPlan, source: InputPlan, decoders: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Returns a run's facts, name -> text.

    Args:
        plan: the run's.
        source: what it reads.
        decoders: library -> its versions that decoded images of the run folder.
    """
    recipe = plan.recipe
    facts = {
        "recipe": recipe.name,
        "seed": str(recipe.seed),
        "input": ", ".join(map(product_path, plan.inputs)) or "the staging folder's own pairs",
        "columns": f"url {source.url_column!r}, caption {source.caption_column!r}",
        "carried columns": ", ".join(source.carried.names) or "none",
        "versions": software_versions(),
    }
    facts |= {f"model {name}": description for name, description in plan.models.descriptions.items()}
    for resolved in plan.columns:
        column, fingerprints = resolved.column, ", ".join(source.fingerprint for source in resolved.sources)
        models = ", ".join(str(source.model) for source in resolved.sources if source.model is not None)
        maker = models or column.call or column.by
        facts[f"column {column.name}"] = f"of {column.of}: {maker}, fingerprint {fingerprints}"
    if (warning := decoder_warning(decoders)) is not None:
        logging.warning("run folder: %s", warning)
        facts["decoders"] = warning
    if recipe.download.allow_addresses:
        facts["private addresses allowed"] = ", ".join(recipe.download.allow_addresses)
    if not recipe.download.verify_tls:
        facts["TLS"] = "certificates were not verified"
    return facts if plan.imported is None else facts | _import_facts(plan.folder, plan.imported)


def _import_facts(folder: RunFolder, imported: ImportPlan) -> dict[str, str]:
    facts = {TAKEN_FROM: public_url(imported.tars.url)}
    if imported.tars.url.endswith(IMG2DATASET_IMAGES):
        facts["downloaded with"] = f"img2dataset {img2dataset_version()}, by the recipe's settings"
    elif not imported.tars.url.endswith(INPUT_IMAGES_FOLDER):  # those are of the recipe's making
        facts["shape of images"] = "as that folder's own settings made them"
    if problems := import_problems(folder, imported):
        facts["wrong with them"] = "; ".join(problems[:_PROBLEMS_SHOWN])
        if len(problems) > _PROBLEMS_SHOWN:
            facts["wrong with them"] += f"; and {len(problems) - _PROBLEMS_SHOWN} more"
    return facts
