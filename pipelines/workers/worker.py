"""What a forked child does: asks its runner what to do, and becomes Beam's worker that does it."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from google.protobuf import json_format, text_format

from babelsift.pipelines.workers.requests import WorkerRequest
from babelsift.schemas.errors import RunnerError

_ANSWER_S = 60.0
_LEAVE_S = 5.0


def run_worker(request: WorkerRequest) -> None:
    """Runs Beam's worker until its runner has no more work, or is gone; then the process ends soon, whatever it does.

    Args:
        request: the runner's.

    Raises:
        RunnerError: the runner does not answer.
    """
    info = _provision_info(request)
    os.environ |= {
        "WORKER_ID": request.worker_id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(info.logging_endpoint),
        "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(info.control_endpoint),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }
    from apache_beam.runners.worker import sdk_worker_main

    watched, end_with_runner = grpc.insecure_channel(info.control_endpoint.url), _EndWithRunner()
    watched.subscribe(end_with_runner, try_to_connect=True)
    try:
        sdk_worker_main.main([])
    except grpc.RpcError:  # the runner hangs up where it needs the worker no more
        if not end_with_runner.was_ready:
            raise


def _provision_info(request: WorkerRequest) -> Any:
    with grpc.insecure_channel(request.provision_endpoint) as channel:
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        asked = beam_provision_api_pb2.GetProvisionInfoRequest()
        # Bounded, or the worker of a task manager that was killed meanwhile waits for ever.
        who = [("worker_id", request.worker_id)]
        try:
            return stub.GetProvisionInfo(asked, metadata=who, wait_for_ready=True, timeout=_ANSWER_S).info
        except grpc.RpcError as error:
            where = f"worker {request.worker_id}: no runner answers at {request.provision_endpoint}"
            raise RunnerError(f"{where} ({error.code().name}); it has ended, or is not reached from here") from error


class _EndWithRunner:
    """Ends this process once the connection to its runner is lost.

    Beam's worker would finish what it has begun, for nobody: a download's minutes, with requests to the web.
    """

    def __init__(self) -> None:
        self.was_ready = False

    def __call__(self, state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.READY:
            self.was_ready = True
        elif self.was_ready:
            threading.Thread(target=_leave_soon, name="end-with-runner", daemon=True).start()


def _leave_soon() -> None:
    time.sleep(_LEAVE_S)
    os._exit(1)
