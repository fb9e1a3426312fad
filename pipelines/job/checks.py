"""What can be wrong with a run before it starts: each check raises one line that names the remedy."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.filters.concepts import ConceptMatcher
from babelsift.filters.dedup import load_faiss
from babelsift.filters.faces import FaceDetector
from babelsift.filters.language import LanguageIdentifier, check_languages
from babelsift.filters.rules import hosts_of, reject_by_captions, reject_by_language, reject_by_urls
from babelsift.filters.selection import load_matching
from babelsift.pipelines.core.runners.cluster_options import cluster_mistakes
from babelsift.pipelines.fetch import AddressPolicy
from babelsift.pipelines.inputs.slices import InputPlan
from babelsift.pipelines.stages.columns.calls.call_maker import given_fields
from babelsift.pipelines.stages.columns.resolved import ResolvedColumn, check_names, output_schema, outputs_of
from babelsift.pipelines.stages.decontaminate.by_embedding import DecontaminateEmbeddings
from babelsift.pipelines.stages.decontaminate.by_hash import Decontaminate
from babelsift.pipelines.stages.dedup.images import DedupImages
from babelsift.pipelines.stages.dedup.pairs import DedupPairs
from babelsift.pipelines.stages.dedup.semantic import DedupSemantic
from babelsift.pipelines.stages.download.row_options import check_option_columns
from babelsift.pipelines.stages.select.match_documents import DOCUMENT
from babelsift.pipelines.stages.select.select_pairs import check_columns, check_known_columns
from babelsift.pipelines.staging.hash_lists import read_hash_lists
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import Decision, InputError, Recipe, RecipeError, score_schema
from babelsift.schemas.columns import IMAGE_FACES, IMAGE_PROVENANCE
from babelsift.schemas.recipe import ConceptSettings, UrlRules
from babelsift.schemas.unavailable_features import describe_unavailable


def check_source(
    inputs: Sequence[str], staging: str | None, retry_failed: Sequence[str], *, img2dataset: bool = False
) -> None:
    """Checks that a run has an input, and that it downloads where that is asked for.

    Args:
        inputs: globs of tables.
        staging: an img2dataset folder.
        retry_failed: classes of failures.
        img2dataset: whether img2dataset is to download.

    Raises:
        InputError: there is neither an input nor an img2dataset folder.
        RecipeError: a run that downloads nothing is asked to do it anew, or by img2dataset.
    """
    if img2dataset and staging is not None:
        raise RecipeError("--download-with: nothing is downloaded with --staging; leave out one of them")
    if retry_failed and staging is not None:
        raise RecipeError("--retry-failed: nothing is downloaded with --staging; leave out one of them")
    if not inputs and staging is None:
        raise InputError("nothing to read: give a table of pairs (--input), or an img2dataset folder (--staging)")


def find_cluster_mistakes(recipe: Recipe, inputs: Sequence[str], output: str, options: PipelineOptions) -> list[str]:
    """Returns what is wrong with the options of a run on a cluster, a line each with its remedy.

    Args:
        recipe: the run's settings.
        inputs: globs of the input.
        output: the run folder.
        options: Beam's.
    """
    return cluster_mistakes(options, inputs, output, needs_torch=bool(recipe.clip or recipe.all_heads))


def check_cluster(recipe: Recipe, inputs: Sequence[str], output: str, options: PipelineOptions) -> None:
    """Checks the options of a run on a cluster, as `find_cluster_mistakes` does.

    Raises:
        RecipeError: the first mistake.
    """
    if mistakes := find_cluster_mistakes(recipe, inputs, output, options):
        more = f" ({len(mistakes) - 1} more: add --check to see all)" if len(mistakes) > 1 else ""
        raise RecipeError(f"{mistakes[0]}{more}")


def check_parts(recipe: Recipe) -> None:
    """Checks that every feature that the recipe requires is there, and logs what it omits of the published recipe.

    Raises:
        RecipeError: a required feature is missing; names it and the remedy.
    """
    if recipe.requires:
        missing = describe_unavailable(recipe.requires)
        raise RecipeError(f"recipe {recipe.name} cannot run, a part is missing: {missing}")
    if recipe.omits:
        logging.info("recipe %s: left out, which changes no pair's fate: %s", recipe.name, ", ".join(recipe.omits))


def check_faces(recipe: Recipe, staging: str | None = None) -> None:
    """Checks that faces can be found at the download, where a recipe asks for that.

    Args:
        recipe: the run's settings.
        staging: an img2dataset folder.

    Raises:
        RecipeError: images are not downloaded.
        ModelError: what finds faces is not installed.
    """
    if recipe.download.faces is None:
        return
    if staging is not None:
        raise RecipeError(
            f"download.faces: {recipe.download.faces.do} is done at the download, and --staging brings images as "
            "they are stored; leave out one of them (a column by: faces counts them)"
        )
    FaceDetector("download.faces")


def check_settings(recipe: Recipe) -> None:
    """Checks what a recipe's text alone cannot show: the files and lists it names, networks, scripts, faiss.

    Raises:
        RecipeError, ModelError: the first that is missing or wrong.
    """
    if recipe.dedup_semantic is not None:
        load_faiss()
    identifier = LanguageIdentifier(recipe.language.model, raw=recipe.language.raw)
    identifier.load()
    check_languages(recipe.named_languages, identifier, others=recipe.language.source != "replace")
    nothing = identifier.identify(pa.array([], pa.string()))
    captions, (languages, scores) = pa.array([], pa.string()), nothing.columns
    reject_by_language(captions, languages, scores, recipe.language, Decision.keep_all(0))
    reject_by_captions(captions, recipe.captions, Decision.keep_all(0))
    reject_by_urls(captions, recipe.urls, Decision.keep_all(0))
    _check_hosts(recipe.urls)
    if recipe.metadata is not None:
        _check_concepts(recipe.metadata, identifier, others=recipe.language.source != "replace")
    AddressPolicy(recipe.download.allow_addresses, recipe.download.ports)
    read_hash_lists(recipe.download.hash_lists)


def _check_hosts(rules: UrlRules) -> None:
    """Checks that a URL of some allowed host meets the other rules on hosts and suffixes."""
    if rules.allowed_hosts is None:
        return
    hosts = sorted(hosts_of(rules.allowed_hosts, "allowed_hosts"))
    if not hosts:
        raise RecipeError("urls.allowed_hosts: the list has no host: no URL would pass; name some, or write null")
    decision = Decision.keep_all(len(hosts))
    others = {"schemes": None, "max_characters": None, "reject_non_photos": False, "opted_out_urls": None}
    urls = pa.array([f"http://{host}/" for host in hosts], pa.string())
    reject_by_urls(urls, rules.model_copy(update=others), decision)
    if not decision.kept.any():
        raise RecipeError(
            f"urls.allowed_hosts: no URL of these hosts would pass, those of {hosts[0]} for "
            f"{decision.reasons[0].value}; change them or the other lists of hosts and suffixes"
        )


def _check_concepts(settings: ConceptSettings, identifier: LanguageIdentifier, *, others: bool) -> None:
    """Checks that captions can match the entries: as many as are asked for, in languages that captions can be in."""
    sizes = ConceptMatcher(settings.entries).list_sizes
    if max(sizes.values()) < settings.min_matches:
        raise RecipeError(
            f"metadata.min_matches is {settings.min_matches}, and no list in {settings.entries} has more than "
            f"{max(sizes.values())} entries: no pair can meet both; change one of them"
        )
    usable = sizes.keys() & (identifier.languages | {"", "default"})
    if not usable and not others:
        raise RecipeError(
            f"metadata.entries: {settings.entries} has no list for a language that captions are labelled, such as "
            f"{min(sizes)}; name lists by language: en.json, zh.txt, or default.json for the rest"
        )


def check_other_data(recipe: Recipe) -> None:
    """Checks that the earlier datasets and evaluation sets that a recipe compares with can be read.

    Raises:
        InputError: a dataset is missing, or cannot be read.
    """
    DedupPairs(recipe.dedup_pairs)
    Decontaminate(recipe.decontaminate)
    DedupImages(recipe.dedup_images)


def check_other_embeddings(recipe: Recipe, compared: Mapping[str, ScoreStore]) -> None:
    """Checks the embeddings of the earlier datasets and evaluation sets that a recipe compares with.

    Args:
        recipe: the run's settings.
        compared: group of settings -> where the embeddings lie that it compares.

    Raises:
        InputError: embeddings are missing, cannot be read, or are of another model.
    """
    DecontaminateEmbeddings(recipe.decontaminate, compared.get("decontaminate"))
    DedupSemantic(recipe.dedup_semantic, compared.get("dedup_semantic"), recipe.seed)


def check_input(recipe: Recipe, source: InputPlan, columns: Sequence[ResolvedColumn] = ()) -> None:
    """Checks that the input has the columns that the recipe names, and none with a name that the recipe gives.

    Args:
        recipe: the run's settings.
        source: what is read.
        columns: the recipe's, with their makers.

    Raises:
        RecipeError: a column is missing or has a name that is taken; names the closest column.
    """
    check_images(source)
    check_head_names(recipe, source)
    check_names(columns, [*recipe.score_columns, *recipe.model_names, *source.carried.names])
    check_option_columns(recipe.download, list(source.sources.values()))
    check_conditions(recipe, source.carried, columns)


def check_text_languages(recipe: Recipe, source: InputPlan | None) -> None:
    """Checks that the input says its texts' languages where a recipe believes or checks them.

    Raises:
        RecipeError: no column says them.
    """
    if recipe.language.source == "replace" or (source is not None and source.has_text_languages):
        return
    raise RecipeError(
        f"language.source is {recipe.language.source}, and no column of the input says the texts' languages; name it: "
        "--columns url=NAME,caption=NAME,language=NAME"
    )


def check_documents(recipe: Recipe, source: InputPlan | None) -> None:
    """Checks that the input has documents where a recipe matches within them, and that there is what matches.

    Raises:
        RecipeError: it has none.
        ModelError: scipy is not installed.
    """
    if recipe.select.one_to_one_in is None:
        return
    if source is None or DOCUMENT not in source.carried.names:
        raise RecipeError(
            "select.one_to_one_in: document needs an input of documents, or a column `document` that names each row's; "
            "the input has none: leave the setting out"
        )
    load_matching()


def check_images(source: InputPlan) -> None:
    """Looks whether an input brings the images of all its rows, or of none.

    Raises:
        InputError: it brings those of some files.
    """
    with_images, without = (
        [part.file.shown for part in source.slices if part.layout.holds_images is holds] for holds in (True, False)
    )
    if with_images and without:
        raise InputError(
            f"--input: {with_images[0]} brings its images and {without[0]} does not; curate them in runs of their own"
        )


def check_urls(source: InputPlan) -> None:
    """Checks that there is something to download, for a run that is told by whom.

    Raises:
        InputError: the input brings its images.
    """
    if source.holds_images:
        raise InputError("--download-with: the input brings its images, nothing is downloaded; leave the option out")


def check_conditions(recipe: Recipe, carried: pa.Schema, columns: Sequence[ResolvedColumn] = ()) -> None:
    """Checks that the columns that conditions name reach the selection and hold what these compare.

    Args:
        recipe: the run's settings.
        carried: the input's columns beside URL and caption.
        columns: the recipe's, with their makers.

    Raises:
        RecipeError: a column does not; names the closest column.
    """
    conditions = {name for rule, _ in recipe.select.walk() for name in rule.conditions}
    made = set(recipe.download.further_columns)
    for setting, columns_of_it in {"extract_provenance: true": IMAGE_PROVENANCE, "faces": IMAGE_FACES}.items():
        for field in columns_of_it:
            if field.name in conditions and field not in made:
                raise RecipeError(f"select.conditions: {field.name!r} is there only with download.{setting}")
    check_columns(recipe.select, pa.schema([*_own_columns(recipe), *output_schema(columns), *carried]))


def check_declared_conditions(recipe: Recipe) -> None:
    """Checks the conditions on columns of which the recipe alone says what they hold.

    Raises:
        RecipeError: a column holds what a condition cannot compare.
    """
    calls = [column for column in recipe.columns if column.call is not None]
    declared = [output for column in calls for output in outputs_of(column, given_fields(column))]
    check_known_columns(recipe.select, pa.schema([*_own_columns(recipe), *declared]))


def _own_columns(recipe: Recipe) -> list[pa.Field]:
    return [*score_schema(recipe.model_names, recipe.head_names), *recipe.download.further_columns]


def check_head_names(recipe: Recipe, source: InputPlan) -> None:
    """Checks that no head takes the name of a column that the input has.

    Raises:
        RecipeError: a head does.
    """
    if taken := [head.name for head in recipe.all_heads if head.name in source.carried.names]:
        raise RecipeError(f"heads: the input has a column {taken[0]!r}, too; give the head another name")
