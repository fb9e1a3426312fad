"""Runs a job on the Beam runner that the options name, by default in this process, and raises what a worker raised."""

from __future__ import annotations

import contextlib
import copy
import os
import re
import socket
import tempfile
from typing import TypeVar

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, PortableOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from babelsift.pipelines.core.parking import ParkingRunner, parked_in
from babelsift.pipelines.processes.beam_worker import beam_worker_command
from babelsift.schemas import errors
from babelsift.schemas.addresses import host_and_port
from babelsift.schemas.suggestions import did_you_mean

_Options = TypeVar("_Options", bound=PipelineOptions)

_PROCESSES = "multi_processing"
_LOCAL = {None, "", "local", "FnApiRunner", "DirectRunner"}


def runner_from(options: PipelineOptions) -> PipelineRunner | str:
    """Returns the runner that the options name; without one, Beam's in-process runner.

    Beam's own default, DirectRunner, first tries to fetch another runner's binary from the network, so its name means
    the in-process runner here.
    """
    name = options.view_as(StandardOptions).runner
    return ParkingRunner() if name in _LOCAL else name


def runs_in_this_process(options: PipelineOptions) -> bool:
    """Returns whether a job runs in this process, and finds what it has in memory."""
    is_local = isinstance(runner_from(options), FnApiRunner)
    return is_local and options.view_as(DirectOptions).direct_running_mode in (None, "in_memory")


def run_job(job: beam.PTransform, label: str, options: PipelineOptions, temp_dir: str | None = None) -> int:
    """Runs a job from its beginning to its end.

    In this process what waits between two steps lies in temporary files; runners elsewhere spill by themselves.

    Args:
        job: the whole job.
        label: its name in Beam's graph.
        options: Beam's, which also name the runner.
        temp_dir: a folder for temporary files; None: TMPDIR, or the system's.

    Returns:
        The most bytes that temporary files had at once.

    Raises:
        BabelsiftError: the one that a worker raised, as itself; anything else as the runner raises it.
    """
    runner = runner_from(options)
    is_here = runs_in_this_process(options)
    if isinstance(runner, FnApiRunner) and options.view_as(DirectOptions).direct_running_mode == _PROCESSES:
        runner, options = _processes_that_end_with_this_one(options)
    options = options.view_as(OptionsViewedOnce)
    try:
        with contextlib.ExitStack() as stack:
            parking = stack.enter_context(parked_in(temp_dir or tempfile.gettempdir())) if is_here else None
            pipeline = stack.enter_context(beam.Pipeline(runner=runner, options=options))
            _ = pipeline | label >> job
        return 0 if parking is None else parking.peak_bytes
    except Exception as error:
        if _is_interrupt(error):
            raise KeyboardInterrupt from error
        if (ours := worker_error(error)) is not None:
            raise ours from error
        if isinstance(runner, str):
            raise errors.RunnerError(f"{runner}: {_remote_failure(error)}") from error
        raise


def check_runner(options: PipelineOptions) -> None:
    """Looks whether the runner that the options name is there, and has the options that it needs.

    Raises:
        RecipeError: it is not, or has not.
    """
    runner = runner_from(options)
    if not isinstance(runner, str):
        return
    try:
        beam.Pipeline(runner=runner, options=options)
    except ImportError as error:
        raise errors.RecipeError(f"--runner {runner}: {errors.one_line(error)}; install what it needs") from error
    except (AttributeError, ValueError) as error:
        if "Unexpected pipeline runner" in str(error):
            hint = did_you_mean(runner, _RUNNERS, otherwise=f"there are {', '.join(_RUNNERS)}")
            raise errors.RecipeError(f"no runner {runner!r}; {hint}") from error
        raise errors.RecipeError(f"--runner {runner}: {errors.one_line(error)}") from error
    _check_job_server(runner, options.view_as(PortableOptions).job_endpoint)


def _check_job_server(runner: str, endpoint: str | None) -> None:
    """Looks whether a job server answers: Beam waits for it for minutes."""
    if endpoint in (None, "", "embed"):
        if runner == "PortableRunner":
            raise errors.RecipeError(
                "--runner PortableRunner: no --job_endpoint; name the job server's HOST:PORT, or a runner that starts "
                "one, such as --runner FlinkRunner"
            )
        return
    try:
        socket.create_connection(host_and_port(str(endpoint)), timeout=_CONNECT_S).close()
    except (OSError, ValueError) as error:
        reason = errors.one_line(error)
        raise errors.RecipeError(
            f"--job_endpoint {endpoint}: no job server answers there ({reason}); start it, or mend HOST:PORT"
        ) from error


def _is_interrupt(error: BaseException) -> bool:
    """Whether Ctrl-C was pressed: Beam's in-process runner wraps it, as any other error of a step."""
    return any(isinstance(cause, KeyboardInterrupt) for cause in errors.error_chain(error))


def _remote_failure(error: BaseException) -> str:
    """Returns what a runner elsewhere says of its failure: of what workers raise, their error; else its first line."""
    text = str(error)
    if raised := _REMOTE_ERROR.findall(text):
        return " ".join(raised[-1].split())
    return errors.one_line(error)


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


_CONNECT_S = 10.0
_RUNNERS = ("local", "FlinkRunner", "SparkRunner", "DataflowRunner", "PortableRunner", "PrismRunner")
# The last line of a worker's traceback, before what Beam appends.
_REMOTE_ERROR = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception|Interrupt): .*?) \[while running", re.MULTILINE)
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
