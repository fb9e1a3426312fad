"""Compiled towers, by a backend that counts its graphs and how often they run; nothing is handed to a C++ compiler."""

import pytest
import torch

from babelsift.filters.clip.towers.compiling import compile_tower
from babelsift.schemas import ModelError


class Tower(torch.nn.Module):
    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.layer = torch.nn.Linear(4, 4)

    def encode_image(self, pixels):
        return self.layer(pixels)


class Counting:
    """A backend of torch.compile."""

    def __init__(self):
        self.graphs = self.runs = 0

    def __call__(self, graph, inputs):
        self.graphs += 1

        def run(*values):
            self.runs += 1
            return graph(*values)

        return run


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def test_every_tower_of_a_process_runs_compiled():
    backend, pixels = Counting(), torch.ones(3, 4)
    towers = [Tower(seed) for seed in range(20)]
    encoders = [compile_tower(tower.encode_image, backend=backend) for tower in towers]
    with torch.inference_mode():
        for _ in range(2):
            for tower, encode in zip(towers, encoders, strict=True):
                assert torch.allclose(encode(pixels), tower.layer(pixels))
    assert backend.graphs == 20
    assert backend.runs == 40


def test_a_tower_has_one_graph_for_all_numbers_of_rows():
    backend, tower = Counting(), Tower(0)
    encode = compile_tower(tower.encode_image, backend=backend)
    with torch.inference_mode():
        for rows in (16, 32, 48, 64):
            encode(torch.ones(rows, 4))
    assert backend.graphs == 1
    assert backend.runs == 4


def test_what_cannot_be_compiled_is_a_model_error():
    def broken(graph, inputs):
        raise RuntimeError("no compiler here")

    with (
        torch.inference_mode(),
        pytest.raises(ModelError, match=r"torch.compile cannot compile the model here: .*no comp"),
    ):
        compile_tower(Tower(0).encode_image, backend=broken)(torch.ones(3, 4))
