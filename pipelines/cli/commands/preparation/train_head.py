"""`babelsift train-head`: a head on stored embeddings from labels of one's own."""

from __future__ import annotations

import argparse
from typing import get_args

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import InputError
from babelsift.schemas.recipe.groups.heads import Vectors


def add_train_head(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    train = commands.add_parser(
        "train-head",
        help="train a head on a run's stored embeddings",
        description="Trains a logistic regression, or an MLP, on the embeddings that a run stored, against "
        "labels (uid, label) or preferences (uid, other_uid, preference), and writes it with a card; columns read it "
        "by `by: layers`.",
    )
    train.add_argument("output_folder", metavar="OUT", help="run folder")
    train.add_argument("--labels", required=True, metavar="FILE", help="parquet or CSV table")
    train.add_argument("--model", required=True, metavar="NAME", help="of the CLIP model")
    train.add_argument("--output", required=True, metavar="FILE", help="safetensors file to write")
    train.add_argument(
        "--vectors",
        choices=list(get_args(Vectors)),
        default="image",
        help="what it reads: the embedding of a pair's image, of its text, their product, or both",
    )
    train.add_argument("--hidden", type=int, default=0, metavar="UNITS", help="of a hidden layer; 0: no such layer")
    train.add_argument("--seed", type=int, default=0, help="of which rows are held out")
    train.set_defaults(run=_train_head)


def _train_head(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.inspection.train_head import HeadChoice, train_on_run

    if known.hidden < 0:
        raise InputError(f"--hidden {known.hidden}: a layer has units, or is not there: 0")
    folder = RunFolder(known.output_folder)
    choice = HeadChoice(known.vectors, known.hidden, known.seed)
    report = train_on_run(folder, known.labels, known.model, known.output, choice)
    print(f"{report.used} of {report.rows} rows have embeddings, {report.held_out} held out")
    print(
        f"held-out AUC {report.head.auc:.4f}, calibration error {report.head.calibration_error:.4f}; see {report.card}"
    )
    return 0
