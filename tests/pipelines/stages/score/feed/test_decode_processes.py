"""Decoding in processes: the same pixels and errors, in order, whoever is killed and whatever the bytes are."""

import os
import random
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from babelsift.filters.clip import ClipScorer, load_model
from babelsift.filters.clip.decoders import DecoderThreads
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.pipelines.stages.score.feed import DecodeProcesses
from babelsift.pipelines.stages.score.models import resolve_model
from tests.support.clip_pairs import CAPTIONS, IMAGES, encoded, picture

pytestmark = pytest.mark.xdist_group("decode_processes")  # its tests share what a fixture makes

GEOMETRY = Geometry(32, 32)
HOSTILE = [
    None,
    b"",
    b"no image",
    encoded(picture(9, 9), "GIF"),
    encoded(picture(99, 99))[:900],
    encoded(picture(700, 3), "PNG"),
    random.Random(0).randbytes(5000),
    encoded(picture(1400, 900)),
]
MANY = [image for pair in zip(IMAGES, HOSTILE, strict=True) for image in pair] * 2


@pytest.fixture(scope="module")
def processes():
    made = DecodeProcesses(2, 64)
    yield made
    made.close()


def outcome(decoders, images, *, leave_whole=False, geometry=GEOMETRY):
    """Pixels and errors of a batch, whose memory is given back."""
    decoded = decoders.decode(images, geometry, leave_whole=leave_whole).result()
    copies = [image if isinstance(image, str) else image.copy() for image in decoded.pixels]
    decoded.release()
    return copies


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert type(one) is type(other)
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("leave_whole", [False, True])
def test_pixels_and_errors_are_those_of_threads(processes, leave_whole):
    expected = outcome(DecoderThreads(), MANY, leave_whole=leave_whole)
    for _ in range(6):  # more batches than slabs
        assert_same(outcome(processes, MANY, leave_whole=leave_whole), expected)
    shapes = {image.shape for image in expected if not isinstance(image, str)}
    assert len(shapes) > 3 if leave_whole else shapes == {(32, 32, 3)}


def test_another_geometry_and_batches_side_by_side(processes):
    geometries = [Geometry(side, side) for side in (8, 64, 16, 128)]
    expected = [outcome(DecoderThreads(), MANY, geometry=geometry) for geometry in geometries]
    with ThreadPoolExecutor(4) as users:
        found = list(users.map(lambda geometry: outcome(processes, MANY, geometry=geometry), geometries))
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)


@pytest.mark.slow
def test_killed_processes_cost_nothing_but_a_warning(caplog):
    processes = DecodeProcesses(2, 64)
    try:
        expected = outcome(DecoderThreads(), MANY)
        assert_same(outcome(processes, MANY), expected)
        for _ in range(3):
            before = processes.pids
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            assert_same(outcome(processes, MANY), expected)
            assert not set(before) & set(processes.pids)
    finally:
        processes.close()
    assert {record.getMessage() for record in caplog.records} == {
        "a process that decodes images ended (exit status -9); another takes its place"
    }


FATAL = """
import os, sys
from babelsift.pipelines.stages.score.feed import decode_worker
real = decode_worker.decode
def decode(data, *rest, **options):
    return os._exit(3) if bytes(data[:5]) == b"fatal" else real(data, *rest, **options)
decode_worker.decode = decode
decode_worker.serve(int(sys.argv[1]), int(sys.argv[2]))
"""


@pytest.mark.slow
def test_an_image_that_ends_its_process_costs_itself_alone():
    processes = DecodeProcesses(2, 64, command=[sys.executable, "-c", FATAL])
    try:
        found = outcome(processes, [*IMAGES, b"fatal image", *IMAGES])
    finally:
        processes.close()
    assert found[8] == "image: decoding it ended the process that did so"
    assert_same(found[:8] + found[9:], outcome(DecoderThreads(), IMAGES) * 2)


LYING = """
import sys
from babelsift.pipelines.stages.score.feed import decode_worker
decode_worker.decode_into = lambda memory, task: [[0, 10**6, 10**6]] * len(task["images"])
decode_worker.serve(int(sys.argv[1]), int(sys.argv[2]))
"""


def test_an_answer_that_leaves_its_room_is_no_answer():
    processes = DecodeProcesses(1, 8, command=[sys.executable, "-c", LYING])
    try:
        found = outcome(processes, IMAGES[:1])
    finally:
        processes.close()
    assert found == ["image: decoding it ended the process that did so"]


def test_processes_that_do_not_start_leave_the_work_to_this_one(caplog):
    processes = DecodeProcesses(2, 64, command=[sys.executable, "-c", "raise SystemExit(7)"])
    try:
        assert_same(outcome(processes, MANY), outcome(DecoderThreads(), MANY))
    finally:
        processes.close()
    assert "exit status 7" in caplog.records[0].getMessage()


def test_files_that_find_no_room_are_decoded_here():
    processes = DecodeProcesses(1, 2)
    large = encoded(picture(900, 900), "PNG", compress_level=0)
    assert len(large) > 2 * 128 * 1024
    try:
        assert_same(outcome(processes, [large, IMAGES[0]]), outcome(DecoderThreads(), [large, IMAGES[0]]))
    finally:
        processes.close()


def test_a_batch_that_is_too_large_is_refused(processes):
    with pytest.raises(ValueError, match="a batch of 65 images is larger than 64"):
        processes.decode([b""] * 65, GEOMETRY, leave_whole=False)


def test_memory_is_bounded_by_slabs_that_come_back(processes):
    held = [processes.decode(IMAGES, GEOMETRY, leave_whole=False) for _ in range(4)]
    waiting = threading.Thread(target=lambda: held.append(processes.decode(IMAGES, GEOMETRY, leave_whole=False)))
    waiting.start()
    first = held[0].result()
    assert len(held) == 4
    first.release()
    first.release()  # counts once
    waiting.join(60)
    assert held[4].result().memory is first.memory
    for each in held[1:]:
        each.result().release()


def test_scores_are_those_of_threads():
    model = load_model(resolve_model("babelsift-demo"), precision="fp32")
    images, captions = [*IMAGES, *HOSTILE] * 3, [f"{caption} {number}" for number in range(6) for caption in CAPTIONS]
    expected = ClipScorer.from_loaded(model, batch_size=16).score(images, captions, embeddings=True)
    processes = DecodeProcesses(2, 16)
    try:
        scorer = ClipScorer.from_loaded(model, batch_size=16, decoders=processes)
        assert scorer.score(images, captions, embeddings=True).equals(expected)
        as_on_a_gpu = ClipScorer.from_loaded(model, batch_size=16, decoders=processes, has_fixed_shapes=True)
        found = as_on_a_gpu.score(images, captions)
        assert found.column("error").equals(expected.column("error"))
        values = [np.array(one["similarity"].to_pylist(), float) for one in (found, expected)]
        np.testing.assert_allclose(*values, atol=1e-6)
        for _ in range(8):  # streams that are left give their slabs back
            stream = scorer.score_stream(zip(images, captions, strict=True))
            next(stream)
            stream.close()
        assert scorer.score(images, captions, embeddings=True).equals(expected)
    finally:
        processes.close()


@pytest.mark.slow
def test_processes_end_with_their_owner():
    processes = DecodeProcesses(2, 64)
    outcome(processes, IMAGES)
    pids = processes.pids
    del processes
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
