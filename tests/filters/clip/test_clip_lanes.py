"""Which of several devices a batch goes to."""

import dataclasses
import threading
from collections import Counter

import pytest
import torch

from babelsift.filters.clip import ClipScorer
from babelsift.filters.clip.lanes import Lanes
from babelsift.pipelines.stages.score.shared_model import HeadedScorer, SharedModel
from tests.support.clip_pairs import CAPTIONS, IMAGES


@pytest.fixture
def on_four_devices(loaded):
    """A scorer on four stand-ins for devices, and how many batches each has embedded."""
    batches = Counter()

    class Counted:
        def __init__(self, number):
            self._number = number

        def encode_image(self, pixels):
            batches[self._number] += 1
            return loaded.module.encode_image(pixels)

        encode_text = staticmethod(loaded.module.encode_text)

    class OnFour(type(loaded)):
        def replicas(self):
            return [(Counted(number), torch.device("cpu")) for number in range(4)]

    values = {field.name: getattr(loaded, field.name) for field in dataclasses.fields(loaded)}
    more = (torch.device("cpu"),) * 3
    return ClipScorer.from_loaded(OnFour(**{**values, "more_devices": more}), batch_size=4), batches


def test_short_streams_are_spread_over_the_devices(on_four_devices):
    scorer, batches = on_four_devices
    for _ in range(20):
        scorer.score(IMAGES[:2], CAPTIONS[:2])
    assert batches == {0: 5, 1: 5, 2: 5, 3: 5}


def test_a_shared_model_s_chunks_are_spread_over_the_devices(on_four_devices):
    scorer, batches = on_four_devices
    shared = SharedModel(HeadedScorer(scorer))
    for _ in range(8):
        shared.score(list(zip(IMAGES[:2], CAPTIONS[:2], strict=True)), False)
    assert batches == {0: 2, 1: 2, 2: 2, 3: 2}


def test_long_streams_use_all_devices(on_four_devices):
    scorer, batches = on_four_devices
    assert len(scorer.score(IMAGES * 4, CAPTIONS * 4)) == 32
    assert sum(batches.values()) == 8
    assert set(batches) == {0, 1, 2, 3}


def test_a_busy_device_is_passed_over():
    lanes, may_end = Lanes([0, 1]), threading.Event()
    held = lanes.submit(lambda batch, device: may_end.wait(60) and device, "long")
    others = [lanes.submit(lambda batch, device: device, "short").result(60) for _ in range(3)]
    may_end.set()
    assert (held.result(60), others) == (0, [1, 1, 1])


def test_a_device_with_two_lanes_counts_as_one():
    lanes, may_end = Lanes([0, 1, 0, 1]), threading.Event()
    held = [lanes.submit(lambda batch, device: may_end.wait(60) and device, number) for number in range(4)]
    may_end.set()
    assert [future.result(60) for future in held] == [0, 1, 0, 1]


def test_a_batch_that_fails_leaves_its_lane_free():
    lanes = Lanes([0, 1])

    def fail(batch, device):
        raise OSError(f"device {device}")

    found = []
    for _ in range(4):
        with pytest.raises(OSError, match="device") as caught:
            lanes.submit(fail, None).result(60)
        found.append(caught.value.args[0][-1])
    assert found == ["0", "1", "0", "1"]
