"""What Croissant's vocabulary for responsible AI asks of a data set, as far as a run knows it.

Its properties: https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html
"""

from __future__ import annotations

from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.funnel_view import language_rows, off_stages, reasons_of
from babelsift.pipelines.rendering.opt_outs import opt_out_forms
from babelsift.pipelines.rendering.protections import protections

_SHOWN_LANGUAGES = 5


def responsible_ai(data: ReportData) -> dict[str, str | list[str]]:
    """Returns the properties, by their names with the prefix `rai:`."""
    recipe, funnel = data.recipe, data.funnel
    return {
        "rai:dataCollection": (
            f"Images were fetched from the URLs of {funnel.input_rows} input rows, each with its alt-text, "
            f"and selected by the recipe {recipe.name}; recipe.yaml has every setting."
        ),
        "rai:dataCollectionType": ["Web Scraping"],
        "rai:dataCollectionMissingData": (
            f"{funnel.rejected_rows} pairs were left out; rejects/ has each with the stage, the reason, the value "
            "that was found and the threshold."
        ),
        "rai:dataCollectionRawData": "Pairs of an image URL and an alt-text, as the pages' authors wrote it.",
        "rai:dataPreprocessingProtocol": _protocol(data),
        "rai:dataBiases": _biases(data),
        "rai:personalSensitiveInformation": _personal(data),
        "rai:dataLimitations": (
            "The pairs are from the open web and were not looked through by people: expect errors, offensive and "
            "private content, and alt-texts that say nothing of their image."
        ),
        "rai:dataUseCases": ["Pretraining of contrastive image-text models", "Research on multilingual alt-text"],
        "rai:dataReleaseMaintenancePlan": (
            "Opt-outs that were made since the images were fetched are not known here; ask whoever published this "
            "copy to remove a pair by its url or uid. "
            + (
                "Heard when they were fetched: " + "; ".join(heard) + "."
                if (heard := _heard(data))
                else "None was heard."
            )
        ),
    }


def _heard(data: ReportData) -> list[str]:
    forms = opt_out_forms(data)
    return [*(["X-Robots-Tag headers"] if forms.x_robots_tag else []), *forms.heard]


def _protocol(data: ReportData) -> list[str]:
    off = set(off_stages(data.recipe))
    lines = []
    for stage in data.funnel.stages:
        if stage.stage in off and not stage.rejected_rows:
            continue
        reasons = ", ".join(f"{reason} {rows}" for reason, rows in reasons_of(stage))
        lines.append(f"{stage.stage}: {stage.in_rows} in, {stage.out_rows} kept" + (f" ({reasons})" if reasons else ""))
    return lines


def _biases(data: ReportData) -> list[str]:
    rows = sorted((row for row in language_rows(data.funnel) if row.kept), key=lambda row: (-row.kept, row.language))
    largest = ", ".join(f"{row.language} {row.kept}" for row in rows[:_SHOWN_LANGUAGES])
    biases = [f"Kept texts in {len(rows)} languages; the most are {largest}."] if rows else []
    if data.recipe.clip:
        names = ", ".join(f"{model.model} {model.pretrained or ''}".strip() for model in data.recipe.clip)
        biases.append(f"Pairs were scored by {names}, which scores languages and people that it knows badly low.")
    return biases


def _personal(data: ReportData) -> list[str]:
    return [
        *protections(data),
        "People, faces and names may be in images and captions; none were looked for beyond that.",
    ]
