#!/usr/bin/env python
"""Starts Beam's Python worker where babelsift is installed already: the `command` of --environment_type=PROCESS.

Beam's own `boot` does the same in its containers, is not in its wheel, and would install the job's files as well.
"""

import argparse
import os
import sys

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from google.protobuf import json_format, text_format

_ANSWER_S = 60.0


def main() -> None:
    """Asks the task manager what to do, and becomes the worker that does it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", required=True)
    parser.add_argument("--provision_endpoint", required=True)
    known, _ = parser.parse_known_args()
    with grpc.insecure_channel(known.provision_endpoint) as channel:
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        # Bounded, or the worker of a task manager that was killed meanwhile waits for ever.
        who = [("worker_id", known.id)]
        info = stub.GetProvisionInfo(request, metadata=who, wait_for_ready=True, timeout=_ANSWER_S).info
    os.environ |= {
        "WORKER_ID": known.id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(info.logging_endpoint),
        "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(info.control_endpoint),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }
    os.execv(sys.executable, [sys.executable, "-m", "apache_beam.runners.worker.sdk_worker_main"])


if __name__ == "__main__":
    main()
