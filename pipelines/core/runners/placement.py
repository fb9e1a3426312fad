"""On which machines steps are to run, where a runner chooses them by Beam's resource hints, as Dataflow does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.resources import parse_resource_hints

from babelsift.schemas.errors import RecipeError, one_line


class PlacementOptions(PipelineOptions):
    """Beam's `--resource_hints` are of every step; these are of those that run models."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument(
            "--score_resource_hint",
            action="append",
            default=None,
            metavar="NAME=VALUE",
            help="resource hint of the steps that score, such as accelerator=type:nvidia-l4;count:1;"
            "install-nvidia-driver or min_ram=30GB; may be repeated",
        )


def score_hints(options: PipelineOptions) -> dict[str, str]:
    """Returns the resource hints of the steps that score.

    Args:
        options: Beam's.

    Raises:
        RecipeError: Beam knows no such hint, or it has another value.

    >>> score_hints(PipelineOptions(["--score_resource_hint", "min_ram=30GB"]))
    {'min_ram': '30GB'}
    """
    hints = _pairs(options.view_as(PlacementOptions).score_resource_hint or ())
    try:
        parse_resource_hints(hints)
    except (ValueError, TypeError) as error:
        raise RecipeError(f"--score_resource_hint: {one_line(error)}; take accelerator or min_ram") from error
    return hints


def _pairs(words: Sequence[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise RecipeError(f"--score_resource_hint {word}: is not NAME=VALUE; write min_ram=30GB, for example")
    return dict(word.split("=", 1) for word in words)
