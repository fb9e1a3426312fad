"""Runs a job on the Beam runner that the options name, by default in this process, and raises what a worker raised."""

from __future__ import annotations

import copy
import os
import re
from typing import TypeVar

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from babelsift.pipelines.processes.beam_worker import beam_worker_command
from babelsift.schemas import errors

_Options = TypeVar("_Options", bound=PipelineOptions)

_PROCESSES = "multi_processing"
_LOCAL = {None, "", "local", "FnApiRunner", "DirectRunner"}


def runner_from(options: PipelineOptions) -> PipelineRunner | str:
    """Returns the runner that the options name; without one, Beam's in-process runner.

    Beam's own default, DirectRunner, first tries to fetch another runner's binary from the network, so its name means
    the in-process runner here.
    """
    name = options.view_as(StandardOptions).runner
    return FnApiRunner() if name in _LOCAL else name


def run_job(job: beam.PTransform, label: str, options: PipelineOptions) -> None:
    """Runs a job from its beginning to its end.

    Args:
        job: the whole job.
        label: its name in Beam's graph.
        options: Beam's, which also name the runner.

    Raises:
        BabelsiftError: the one that a worker raised, as itself; anything else as the runner raises it.
    """
    runner = runner_from(options)
    if isinstance(runner, FnApiRunner) and options.view_as(DirectOptions).direct_running_mode == _PROCESSES:
        runner, options = _processes_that_end_with_this_one(options)
    options = options.view_as(OptionsViewedOnce)
    try:
        with beam.Pipeline(runner=runner, options=options) as pipeline:
            _ = pipeline | label >> job
    except Exception as error:
        if (ours := worker_error(error)) is not None:
            raise ours from error
        raise


def _processes_that_end_with_this_one(options: PipelineOptions) -> tuple[PipelineRunner, PipelineOptions]:
    """Returns what runs workers as processes on this machine; those that Beam itself starts would outlive this one."""
    options = copy.deepcopy(options)
    options.view_as(DirectOptions).direct_running_mode = "in_memory"  # or Beam's command would take the place of ours
    command = beam_worker_command(os.getpid())
    return FnApiRunner(default_environment=SubprocessSDKEnvironment.from_command_string(command)), options


class OptionsViewedOnce(PipelineOptions):
    """Options that make each view of themselves once.

    Beam asks for several views a transform, and makes a parser of all their arguments for each: a fifth of the time
    that a small run takes. All views share one dictionary of values, so that one kept is as good as a new one.
    """

    def view_as(self, cls: type[_Options]) -> _Options:
        """Returns a view, as Beam's own options do."""
        views = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return views[cls]


# Workers' errors come back as text: the class's name, the message, and what Beam appends.
_RAISED = re.compile(r"schemas\.errors\.(\w+): (.*?)(?: \[while running|\n|$)")


def worker_error(error: BaseException) -> errors.BabelsiftError | None:
    """Returns the error of ours that a worker raised, if that is what a runner's error is about; else None."""
    if isinstance(error, errors.BabelsiftError):
        return error
    raised = _RAISED.findall(str(error))
    if not raised:
        return None
    name, message = raised[-1]
    return getattr(errors, name)(message)
