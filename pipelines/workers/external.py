"""Beam's service for EXTERNAL environments: asks a pool for a worker whenever a runner asks for one.

A worker that a runner asks to stop ends by itself, as its runner closes the connection to it: several task managers
give their workers the same names, so that a name does not say whose worker is to stop.
"""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

from babelsift.pipelines.workers.requests import WorkerRequest, ask_for_worker, worker_status


class ExternalWorkers(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts workers of a pool.

    Args:
        pool: path of its socket.
    """

    def __init__(self, pool: str) -> None:
        self._pool = pool

    def StartWorker(self, request: Any, context: Any) -> Any:
        """Starts a worker; the answer has an error where none can be started."""
        try:
            connection = ask_for_worker(self._pool, WorkerRequest(request.worker_id, request.provision_endpoint.url))
        except OSError as error:
            return beam_fn_api_pb2.StartWorkerResponse(error=f"no worker pool at {self._pool}: {error}")
        # The connection lasts as long as the worker.
        threading.Thread(target=_wait, args=[connection], name=f"worker {request.worker_id}", daemon=True).start()
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request: Any, context: Any) -> Any:
        """Does nothing: see above."""
        return beam_fn_api_pb2.StopWorkerResponse()


def serve_external(pool: str, address: str) -> None:
    """Serves runners until the process ends.

    Args:
        pool: path of the pool's socket.
        address: host:port to listen on.

    Raises:
        RuntimeError: the address is taken.
    """
    server = grpc.server(ThreadPoolExecutor(8, "external"), options=[("grpc.so_reuseport", 0)])
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(ExternalWorkers(pool), server)
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


def _wait(connection: socket.socket) -> None:
    with connection:
        worker_status(connection)
