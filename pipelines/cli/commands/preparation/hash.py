"""`babelsift hash`: the hashes of an evaluation set."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.folder_command import add_json_option, print_found
from babelsift.schemas import public_url


def add_hash(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    hashes = commands.add_parser(
        "hash",
        help="write the hashes of an evaluation set's images, to decontaminate against",
        examples=("babelsift hash imagenet/val --output imagenet.parquet",),
        description="Hashes images so that `decontaminate: {against: [eval.parquet]}` needs them no more.",
    )
    hashes.add_argument("images", nargs="+", metavar="IMAGES", help="images, folders, globs, webdataset shards (.tar)")
    hashes.add_argument("--output", required=True, metavar="FILE", help="parquet to write, local or any fsspec URL")
    hashes.add_argument("--model", help="also write embeddings by this CLIP model, named as in a recipe's clip.model")
    hashes.add_argument("--pretrained", help="its weights, as clip.pretrained")
    hashes.add_argument("--precision", default="auto", help="as clip.precision")
    add_json_option(hashes)
    hashes.set_defaults(run=_hash)


def _hash(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.stages.decontaminate.evaluation_images import write_hashes

    scorer = None
    if known.model:
        from babelsift.pipelines.stages.score.models import load_scorer
        from babelsift.schemas import recipe_from

        clip = {name: getattr(known, name) for name in ("model", "pretrained", "precision")}
        scorer = load_scorer(recipe_from({"name": "hash", "clip": clip}, source="babelsift hash").clip[0])
    images, file = write_hashes(known.images, known.output, scorer), public_url(known.output)
    return print_found(known, {"images": images, "file": file}, f"{images} images hashed into {file}")
