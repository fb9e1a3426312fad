"""Mistakes in the options of a run on a cluster: a line each with its remedy, said before anything is submitted."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.schemas import public_url
from babelsift.schemas.addresses import is_host_and_port
from babelsift.schemas.errors import one_line
from babelsift.schemas.suggestions import did_you_mean

_REST_S = 10.0
_PORTABLE = ("FlinkRunner", "SparkRunner", "PortableRunner")
_ENVIRONMENTS = ("DOCKER", "EXTERNAL", "PROCESS", "LOOPBACK", "DEFAULT")
# An option that only one runner reads -> that runner.
_OPTIONS_OF = {
    "flink_master": "FlinkRunner",
    "flink_job_server_jar": "FlinkRunner",
    "spark_master_url": "SparkRunner",
    "spark_job_server_jar": "SparkRunner",
    "dataflow_endpoint": "DataflowRunner",
    "dataflow_service_options": "DataflowRunner",
}
_RUNNERS = ("", "local", "FnApiRunner", "DirectRunner", *_PORTABLE, "DataflowRunner", "PrismRunner")
_IMAGE = "an image with babelsift in it (deploy/Dockerfile)"


@dataclass(frozen=True)
class ClusterRun:
    """A run as its options describe it.

    Attributes:
        given: Beam's options that are not at their defaults.
        paths: option -> what it names: the inputs and the run folder.
        needs_torch: whether the recipe loads models.
    """

    given: Mapping[str, Any]
    paths: Mapping[str, Sequence[str]]
    needs_torch: bool = False

    @property
    def runner(self) -> str:
        """The runner's name; "" for the one in process."""
        return str(self.given.get("runner") or "")


def cluster_mistakes(
    options: PipelineOptions, inputs: Sequence[str], output: str, *, needs_torch: bool = False
) -> list[str]:
    """Returns what is wrong with the options of a run on a cluster; nothing where it runs in process.

    Args:
        options: Beam's.
        inputs: globs of the input.
        output: the run folder.
        needs_torch: whether the recipe loads models.

    >>> options = PipelineOptions(["--runner=FlinkRunner", "--environment_type=EXTERNAL"])
    >>> for mistake in cluster_mistakes(options, ["s3://bucket/pairs/*.parquet"], "s3://bucket/run"):
    ...     print(mistake)
    --flink_master: is missing, so Beam would run a Flink of its own on this machine; name the job manager's HOST:8081
    --environment_config: EXTERNAL needs the worker pool's HOST:PORT, such as localhost:50000
    """
    given = options.get_all_options(drop_default=True)
    run = ClusterRun(given, {"--input": tuple(inputs), "--output": (output,)}, needs_torch)
    return [mistake for check in _CHECKS for mistake in check(run)]


def _runner_of_options(run: ClusterRun) -> Iterator[str]:
    if run.runner not in _RUNNERS:  # a slip, of which the check of runners says more
        return
    for option, runner in _OPTIONS_OF.items():
        if option in run.given and run.runner != runner:
            where = f"--runner {run.runner}" if run.runner else "a run in process"
            yield f"--{option}: is not read by {where}; take --runner {runner}, or leave it out"
            return
    if run.runner and "direct_num_workers" in run.given:
        yield f"--direct_num_workers: is not read by --runner {run.runner}; leave it out"


def _paths(run: ClusterRun) -> Iterator[str]:
    if run.runner not in (*_PORTABLE, "DataflowRunner") or run.given.get("environment_type") == "LOOPBACK":
        return
    for option, paths in run.paths.items():
        for path in paths:
            is_url = re.match(r"[a-z][a-z0-9+]+://", path) is not None and not path.startswith("file://")
            if run.runner == "DataflowRunner" and not is_url:
                yield f"{option} {public_url(path)}: Dataflow's workers do not see this machine's disk; use gs://"
            elif not is_url and not path.removeprefix("file://").startswith("/"):
                yield (
                    f"{option} {path}: workers have another working folder; use s3://, gs:// ... or the absolute path "
                    "of a disk that all machines share"
                )
            elif path.startswith("memory://"):
                yield f"{option} {path}: is this process's memory; use a place that all machines see"


def _environment(run: ClusterRun) -> Iterator[str]:
    if run.runner not in _PORTABLE:
        return
    kind = run.given.get("environment_type")
    config = run.given.get("environment_config")
    if kind in (None, "DEFAULT", "DOCKER"):
        if not (config or run.given.get("sdk_container_image") or run.given.get("setup_file")):
            yield (
                f"--environment_type: {kind or 'without it'} means Beam's own image, which has no babelsift; use "
                f"EXTERNAL with a worker pool, or DOCKER with --environment_config naming {_IMAGE}"
            )
    elif kind == "EXTERNAL":
        if config is None:
            yield "--environment_config: EXTERNAL needs the worker pool's HOST:PORT, such as localhost:50000"
        elif not is_host_and_port(str(config)):
            yield f"--environment_config {config}: is not HOST:PORT; name the worker pool's, without http://"
    elif kind == "PROCESS":
        yield from _process_config(config)
    elif kind not in _ENVIRONMENTS:
        hint = did_you_mean(str(kind).upper(), _ENVIRONMENTS, otherwise="there are DOCKER, EXTERNAL, PROCESS, LOOPBACK")
        yield f"--environment_type {kind}: {hint}"


def _process_config(config: object) -> Iterator[str]:
    example = """'{"command": "babelsift-worker"}'"""
    try:
        content = json.loads(str(config)) if config is not None else {}
    except ValueError:
        yield f"--environment_config: is not JSON ({config}); PROCESS takes {example}"
        return
    if not isinstance(content, dict) or not content.get("command"):
        yield f"--environment_config: PROCESS needs a command; write {example}"


def _packages(run: ClusterRun) -> Iterator[str]:
    if run.runner and run.given.get("setup_file") and run.needs_torch and not run.given.get("sdk_container_image"):
        yield f"--setup_file: installs no torch, and the recipe loads models; use {_IMAGE} in its place"
    if run.runner and run.given.get("save_main_session"):
        yield "--save_main_session: babelsift's steps live in installed modules; leave it out"
    if run.runner and run.given.get("streaming"):
        yield "--streaming: a run is a batch job, and has an end; leave it out"


def _numbers(run: ClusterRun) -> Iterator[str]:
    for name, remedy in {
        "parallelism": "take as many as the cluster has slots for the job",
        "sdk_worker_parallelism": "take 1, or leave it out; 0 would be a process a core, each with its models",
        "max_num_workers": "take at least 1",
    }.items():
        if name in run.given and int(run.given[name]) < 1 and run.given[name] != -1:
            yield f"--{name} {run.given[name]}: {remedy}"


def _flink(run: ClusterRun) -> Iterator[str]:
    if run.runner != "FlinkRunner" or run.given.get("job_endpoint"):
        return
    master = run.given.get("flink_master")
    if master in (None, "[auto]", "[local]"):
        if run.given.get("environment_type") != "LOOPBACK":
            yield (
                "--flink_master: is missing, so Beam would run a Flink of its own on this machine; name the job "
                "manager's HOST:8081"
            )
        return
    if not is_host_and_port(re.sub("^https?://", "", str(master)).rstrip("/")):
        yield f"--flink_master {master}: is not HOST:PORT; name the job manager's REST address, such as flink:8081"
        return
    yield from _flink_itself(str(master), run.given)


def _flink_itself(master: str, given: Mapping[str, Any]) -> Iterator[str]:
    """What the cluster itself says."""
    url = master if "://" in master else f"http://{master}"
    try:
        version, overview = _get(url, "/config")["flink-version"], _get(url, "/overview")
    except (OSError, ValueError, KeyError) as error:
        cause = getattr(error, "reason", error)  # of what urllib says of a connection
        reason = one_line(cause) if isinstance(cause, BaseException) else cause
        yield (
            f"--flink_master {master}: no Flink answers there ({reason}); start it, or name the REST address "
            "of its job manager (6123 is not it, 8081 mostly is)"
        )
        return
    asked = given.get("flink_version")
    if asked is not None and not given.get("flink_job_server_jar") and not f"{version}.".startswith(f"{asked}."):
        yield f"--flink_version {asked}: the cluster is Flink {version}; name its version, the first two numbers"
    slots, parallelism = int(overview.get("slots-total", 0)), int(given.get("parallelism", 1))
    if 0 < slots < parallelism:
        yield f"--parallelism {parallelism}: the cluster has {slots} slots, the job would wait; take no more than that"


def _spark(run: ClusterRun) -> Iterator[str]:
    if run.runner != "SparkRunner" or run.given.get("job_endpoint"):
        return
    if run.given.get("spark_submit_uber_jar"):
        if not run.given.get("spark_rest_url"):
            yield "--spark_rest_url: --spark_submit_uber_jar sends the job there; name http://HOST:6066"
    elif "spark_master_url" not in run.given:
        yield "--spark_master_url: is missing, so Spark would run on this machine alone; name spark://HOST:7077"
    elif not _is_spark_master(str(run.given["spark_master_url"])):
        yield f"--spark_master_url {run.given['spark_master_url']}: is not spark://HOST:PORT; 7077 is the usual port"


def _dataflow(run: ClusterRun) -> Iterator[str]:
    if run.runner != "DataflowRunner":
        return
    for name, remedy in {
        "project": "name who pays",
        "region": "name the bucket's, such as europe-west4",
        "temp_location": "name a folder in a bucket, gs://BUCKET/tmp",
    }.items():
        if not run.given.get(name):
            yield f"--{name}: is missing, and Dataflow needs it; {remedy}"
    temporary = run.given.get("temp_location")
    if temporary and not str(temporary).startswith("gs://"):
        yield f"--temp_location {temporary}: is not in a bucket; name gs://BUCKET/tmp"
    if not run.given.get("sdk_container_image") and not run.given.get("setup_file"):
        yield f"--sdk_container_image: is missing, and Beam's own image has no babelsift; name {_IMAGE}"


def _is_spark_master(url: str) -> bool:
    scheme, _, address = url.partition("://")
    if scheme == "spark":
        return is_host_and_port(address)
    return scheme == "k8s" or re.fullmatch(r"local(\[.+\])?|yarn", url) is not None


def _get(url: str, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url.rstrip('/')}{path}", timeout=_REST_S) as answer:
        return dict(json.load(answer))


_CHECKS: tuple[Callable[[ClusterRun], Iterator[str]], ...] = (
    _runner_of_options,
    _flink,
    _spark,
    _dataflow,
    _environment,
    _packages,
    _numbers,
    _paths,
)
