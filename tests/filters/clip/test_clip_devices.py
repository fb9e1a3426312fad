"""The devices and cores that a model is given."""

import contextlib
import os
from types import SimpleNamespace

import pytest
import torch

from babelsift.filters.clip.devices import computes_bf16, resolve_precision
from babelsift.filters.cores import usable_cores

VIT = {"embed_dim": 512, "vision_cfg": {"layers": 12}}


@pytest.fixture
def unlike_gpus(monkeypatch):
    """GPU 0 computes in bf16, GPU 1 is too old to; GPU 0 is the current one."""
    current = [0]

    @contextlib.contextmanager
    def device(gpu):
        before, current[0] = current[0], gpu.index
        yield
        current[0] = before

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: current[0] == 0)
    return [torch.device("cuda", number) for number in range(2)]


def test_each_gpu_is_asked_for_bf16(unlike_gpus):
    assert [computes_bf16(gpu) for gpu in unlike_gpus] == [True, False]


def test_auto_is_what_all_gpus_compute_in(unlike_gpus):
    new, old = unlike_gpus
    assert resolve_precision("auto", new, VIT) == "bf16"
    assert resolve_precision("auto", old, VIT) == "fp16"
    assert resolve_precision("auto", new, VIT, more_devices=[old]) == "fp16"
    assert resolve_precision("auto", new, VIT, more_devices=[new]) == "bf16"
    assert resolve_precision("bf16", new, VIT, more_devices=[old]) == "bf16"


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert usable_cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores() == 64


def test_bf16_of_other_devices_is_not_asked_of_cuda():
    assert not computes_bf16(SimpleNamespace(type="mps"))
