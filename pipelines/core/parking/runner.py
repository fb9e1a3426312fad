"""Beam's in-process runner, which gives a step's temporary files back once all who read them are done."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.translations import split_buffer_id
from apache_beam.runners.worker import bundle_processor
from apache_beam.utils.timestamp import MAX_TIMESTAMP

from babelsift.pipelines.core.parking.disk import current_parking

_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone


class ParkingRunner(FnApiRunner):
    """Runs a job in this process; what waits lies where `parked_in` says, each of Beam's fused stages an owner of it.

    What a stage reads of others it writes anew, so a stage's files are read by its own consumers alone: those that take
    its outputs as input or as side input.
    """

    def run_stages(self, stage_context: Any, stages: list[Any]) -> Any:
        """Runs the stages, sorted by what they read."""
        self._readers = readers_of_stages(stages)
        self._done: set[str] = set()
        return super().run_stages(stage_context, stages)

    def _execute_bundle(self, runner_execution_context: Any, bundle_context_manager: Any, bundle_input: Any) -> Any:
        parking, stage = current_parking(), bundle_context_manager.stage.name
        if parking is None:
            return super()._execute_bundle(runner_execution_context, bundle_context_manager, bundle_input)
        parking.begin(stage)
        result = super()._execute_bundle(runner_execution_context, bundle_context_manager, bundle_input)
        node = runner_execution_context.watermark_manager.get_stage_node(stage)
        if node.input_watermark() < MAX_TIMESTAMP:  # a part of its input was put off
            return result
        self._done.add(stage)
        _let_go(bundle_context_manager)
        _give_memory_back()
        for owner in [owner for owner, readers in self._readers.items() if readers <= self._done]:
            parking.give_back(owner)
            del self._readers[owner]
        return result


def _let_go(stage_manager: Any) -> None:
    """Ends a stage's steps: what they made of side inputs and their last batches would stay until the job ends."""
    descriptor = stage_manager.process_bundle_descriptor.id
    for handler in stage_manager.worker_handlers:
        cache = getattr(handler, "bundle_processor_cache", None)
        for processor in () if cache is None else cache.cached_bundle_processors.pop(descriptor, ()):
            processor.shutdown()


def _give_memory_back() -> None:
    """Gives the system what a stage has freed: allocators keep it, in holes that the next one's arrays do not fit."""
    pa.default_memory_pool().release_unused()
    if _TRIM is not None:
        _TRIM(0)


def readers_of_stages(stages: Iterable[Any]) -> dict[str, set[str]]:
    """Returns stage's name -> names of itself and of the stages that read what it writes."""
    writers: dict[str, set[str]] = {}
    for stage in stages:
        for transform in stage.transforms:
            if transform.spec.urn == bundle_processor.DATA_OUTPUT_URN:
                writers.setdefault(split_buffer_id(transform.spec.payload)[1], set()).add(stage.name)
    readers = {stage.name: {stage.name} for stage in stages}
    for stage in stages:
        for collection in _collections_read(stage):
            for writer in writers.get(collection, ()):
                readers[writer].add(stage.name)
    return readers


def _collections_read(stage: Any) -> Iterable[str]:
    for transform in stage.transforms:
        yield from transform.inputs.values()  # side inputs are among them
        if transform.spec.urn == bundle_processor.DATA_INPUT_URN and b":" in transform.spec.payload:
            yield split_buffer_id(transform.spec.payload)[1]
