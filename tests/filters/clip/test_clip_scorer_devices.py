"""Scoring on devices: no memory, no number, several of them, other precisions."""

import dataclasses
import threading

import numpy as np
import pytest
import torch

from babelsift.filters.clip import ClipScorer, load_model
from babelsift.schemas import ModelError
from tests.support.clip_pairs import CAPTIONS, IMAGES


class _Tower:
    """A model whose image embeddings are what `outcome` says."""

    def __init__(self, outcome):
        self._outcome = outcome

    def encode_image(self, pixels):
        return self._outcome(pixels)

    def encode_text(self, tokens):
        return torch.ones(len(tokens), 16)


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_no_number_is_a_model_error(loaded, wrong):
    broken = dataclasses.replace(loaded, module=_Tower(lambda pixels: torch.full((len(pixels), 16), wrong)))
    with pytest.raises(
        ModelError,
        match=r"CLIP model local-dir:/.* gives no number \(NaN or infinity\) at fp32 for 2 of 2 pairs; its weights are damaged",
    ):
        ClipScorer.from_loaded(broken).score(IMAGES[:2], CAPTIONS[:2])
    narrow = dataclasses.replace(broken, precision="fp16")
    with pytest.raises(
        ModelError, match=r"at fp16 for 2 of 2 pairs; fp16 is too narrow for it, .*; set precision to fp32"
    ):
        ClipScorer.from_loaded(narrow).score(IMAGES[:2], CAPTIONS[:2])


class _Crowded:
    """A model on a device that holds at most `room` images at once."""

    def __init__(self, model, room):
        self._model = model
        self._room = room
        self.asked = []

    def encode_image(self, pixels):
        self.asked.append(len(pixels))
        if len(pixels) > self._room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self._model.encode_image(pixels)

    def encode_text(self, tokens):
        return self._model.encode_text(tokens)


def test_out_of_memory_halves_the_batch_and_goes_on(loaded, caplog):
    images, captions = IMAGES * 20, CAPTIONS * 20
    crowded = _Crowded(loaded.module, 40)
    result = ClipScorer.from_loaded(dataclasses.replace(loaded, module=crowded), batch_size=80).score(images, captions)
    roomy = dataclasses.replace(loaded, module=_Crowded(loaded.module, 1000))
    assert result.equals(ClipScorer.from_loaded(roomy).score(images, captions))
    assert crowded.asked == [80, 48, 32, 32, 16, 32, 32, 16]
    assert [record.getMessage() for record in caplog.records] == [
        "cpu is out of memory with 80 pairs at once; going on with 48",
        "cpu is out of memory with 48 pairs at once; going on with 32",
    ]


def test_no_memory_for_the_fewest_pairs_is_a_model_error(loaded):
    crowded = dataclasses.replace(loaded, module=_Crowded(loaded.module, 0))
    with pytest.raises(
        ModelError, match=r"cpu is out of memory with 16 pairs at once, the fewest that are tried; free"
    ):
        ClipScorer.from_loaded(crowded).score(IMAGES * 4, CAPTIONS * 4)


def test_another_error_of_the_device_is_not_tried_again(loaded):
    def broken(pixels):
        raise RuntimeError("cuDNN error")

    with pytest.raises(RuntimeError, match="cuDNN error"):
        ClipScorer.from_loaded(dataclasses.replace(loaded, module=_Tower(broken))).score(IMAGES[:2], CAPTIONS[:2])


def test_several_devices_take_batches_in_turn(loaded, scorer):
    seen = []
    ready = threading.Barrier(2)

    class Seen:
        def __init__(self, name):
            self._name = name

        def encode_image(self, pixels):
            ready.wait()  # only both at the same time get past it
            seen.append(self._name)
            return loaded.module.encode_image(pixels)

        def encode_text(self, tokens):
            return loaded.module.encode_text(tokens)

    class Two(type(loaded)):
        def replicas(self):
            return [(Seen("first"), self.device), (Seen("second"), self.device)]

    two = Two(**{field.name: getattr(loaded, field.name) for field in dataclasses.fields(loaded)})
    result = ClipScorer.from_loaded(two, batch_size=4).score(IMAGES * 2, CAPTIONS * 2)
    assert sorted(seen) == ["first"] * 2 + ["second"] * 2
    expected = scorer.score(IMAGES * 2, CAPTIONS * 2).column("similarity")
    np.testing.assert_allclose(result.column("similarity"), expected, atol=1e-6)


def test_a_replica_a_device_holds_the_same_weights(loaded):
    more = dataclasses.replace(loaded, more_devices=(torch.device("cpu"), torch.device("cpu")))
    (first, _), (second, _), _ = more.replicas()
    assert second is not first
    assert (
        ClipScorer.from_loaded(more, batch_size=2)
        .score(IMAGES, CAPTIONS)
        .equals(ClipScorer.from_loaded(loaded).score(IMAGES, CAPTIONS))
    )


def test_a_compiled_model_goes_through_torch_compile(model_folder, monkeypatch):
    compile_graph, handed_over = torch.compile, []

    def recording(function, **options):
        handed_over.append(function)
        return compile_graph(function, **options)

    monkeypatch.setattr(torch, "compile", recording)
    plain, compiled = (load_model(str(model_folder), precision="fp32", compiled=flag) for flag in (False, True))
    assert plain.fingerprint != compiled.fingerprint
    assert compiled.info["compiled"] is True
    ClipScorer.from_loaded(plain)
    assert handed_over == []
    ClipScorer.from_loaded(compiled)
    assert [encode.__wrapped__ for encode in handed_over] == [compiled.module.encode_image]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_is_near(model_folder, scorer, precision):
    exact = scorer.score(IMAGES, CAPTIONS).column("similarity").to_numpy()
    rough = ClipScorer(str(model_folder), precision=precision)
    result = rough.score(IMAGES, CAPTIONS, embeddings=True)
    np.testing.assert_allclose(result.column("similarity").to_numpy(), exact, atol=0.02)
    vectors = np.stack(result.column("image_embedding").to_pylist()).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=2e-3)
    assert rough.fingerprint != scorer.fingerprint
