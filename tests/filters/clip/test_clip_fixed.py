"""A GPU's way of scoring, tried on the CPU: images are resized by the device, captions packed, passes of one shape."""

import copy
import io

import numpy as np
import pytest
import torch
from PIL import Image

from babelsift.filters.clip import ClipScorer, load_model
from babelsift.filters.clip.pixels.device_resize import ResizeBatch, WholeImages
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.filters.clip.towers import FixedTowers
from babelsift.filters.clip.towers.streams import CpuStreams, CudaStreams
from babelsift.schemas import ModelError
from tests.support.clip_pairs import CAPTIONS, IMAGES, encoded, picture

CPU = torch.device("cpu")


def wide(width, height, mode="RGB", kind="PNG"):
    return encoded(picture(width, height, mode), kind)


@pytest.fixture(scope="module")
def on_device(loaded):
    """A scorer that treats the CPU as it would a GPU."""
    return as_on_a_gpu(loaded, 4)


def as_on_a_gpu(model, rows):
    return ClipScorer.from_loaded(model, batch_size=rows, has_fixed_shapes=True)


def difference(first, second):
    assert first.column("error").equals(second.column("error"))
    values = [np.nan_to_num(one.column("similarity").to_numpy(zero_copy_only=False)) for one in (first, second)]
    return np.abs(np.subtract(*values)).max()


@pytest.mark.parametrize("preprocess", [{}, {"resize_mode": "squash"}, {"resize_mode": "longest", "fill_color": 200}])
def test_similarities_are_the_cpus(make_model_folder, preprocess):
    model = load_model(str(make_model_folder(preprocess=preprocess)), precision="fp32")
    images = [
        *IMAGES,
        wide(257, 640),
        wide(60, 50, "L"),
        wide(60, 50, "RGBA"),
        wide(1400, 900, kind="JPEG"),
        b"x",
        None,
    ]
    captions = [f"photograph {number} of a cat" * (number + 1) for number in range(len(images))]
    expected = ClipScorer.from_loaded(model, batch_size=4).score(images, captions, embeddings=True)
    found = as_on_a_gpu(model, 4).score(images, captions, embeddings=True)
    assert difference(found, expected) < 1e-6
    assert found.column("similarity").null_count == 2


def test_a_transform_of_an_unusual_kind_is_done_by_open_clip(make_model_folder, monkeypatch):
    monkeypatch.setattr("babelsift.filters.clip.encoder.geometry_of", lambda steps: None)
    model = load_model(str(make_model_folder()), precision="fp32")
    expected = ClipScorer.from_loaded(model, batch_size=4).score(IMAGES, CAPTIONS)
    assert difference(as_on_a_gpu(model, 4).score(IMAGES, CAPTIONS), expected) < 1e-6


def noting(module, is_short=lambda calls, rows: False):
    """Returns the model, which notes the shapes of its images' passes, and has no memory where `is_short` says so."""
    noted = copy.copy(module)
    noted.images = []

    def encode_image(pixels):
        if is_short(len(noted.images), len(pixels)):
            noted.images.append("short")
            raise RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`")
        noted.images.append(tuple(pixels.shape))
        return module.encode_image(pixels)

    noted.encode_image = encode_image
    return noted


def batch_of(images, side=32):
    whole = WholeImages.of(
        [torch.from_numpy(np.array(Image.open(io.BytesIO(image)).convert("RGB"))) for image in images]
    )
    return ResizeBatch.of(whole, Geometry(side, side))


def towers_of(module, rows=32, **options):
    return FixedTowers(module, CPU, rows=rows, prepare=lambda levels: levels.float() / 255, **options)


def test_all_passes_have_one_shape(loaded):
    model = noting(loaded.module)
    towers, texts = towers_of(model, rows=32), []
    forward = loaded.module.ln_final.register_forward_pre_hook(lambda module, values: texts.append(values[0].shape))
    try:
        for count in (1, 5, 8, 40):
            tokens = loaded.tokenize([f"{number} cats" * (number % 9 + 1) for number in range(count)])
            image, text = towers.embed(batch_of((IMAGES * 5)[:count]), tokens)()
            assert (len(image), len(text)) == (count, count)
    finally:
        forward.remove()
    assert set(model.images) == {(32, 3, 32, 32)}
    assert set(texts) == {(32, 32)}


def test_a_pair_s_bits_are_the_same_in_any_company(loaded):
    towers = towers_of(loaded.module)
    tokens = loaded.tokenize(CAPTIONS)
    together = towers.embed(batch_of(IMAGES), tokens)()
    for row in range(len(IMAGES)):
        alone = towers.embed(batch_of(IMAGES[row : row + 1]), tokens[row : row + 1])()
        assert all((of_one[0] == of_all[row]).all() for of_one, of_all in zip(alone, together, strict=True))


def test_a_shortage_that_passes_changes_no_shape(loaded, caplog):
    model = noting(loaded.module, lambda calls, rows: calls in (3, 4))
    towers, tokens = towers_of(model), loaded.tokenize(CAPTIONS)
    for _ in range(4):
        towers.embed(batch_of(IMAGES), tokens)()
    assert model.images == [(32, 3, 32, 32)] * 3 + ["short"] * 2 + [(32, 3, 32, 32)] * 2
    assert caplog.records == []


def test_a_longer_shortage_costs_one_batch_its_shape(loaded, caplog):
    model = noting(loaded.module, lambda calls, rows: 2 <= calls < 20 and rows > 16)
    towers, tokens = towers_of(model), loaded.tokenize(CAPTIONS)
    expected = towers.embed(batch_of(IMAGES), tokens)()
    found = towers.embed(batch_of(IMAGES), tokens)()
    np.testing.assert_allclose(found[0], expected[0], atol=1e-6)
    assert model.images[2:] == ["short"] * 3 + [(16, 3, 32, 32)]
    (record,) = caplog.records
    assert record.getMessage().startswith("cpu is out of memory with 32 pairs at once; going on with 16 for this batch")
    model.images = ["before"] * 20
    towers.embed(batch_of(IMAGES), tokens)()
    assert model.images[20:] == [(32, 3, 32, 32)]


def test_what_memory_holds_is_found_before_the_first_batch_and_kept(loaded, caplog):
    model = noting(loaded.module, lambda calls, rows: rows > 32)
    towers, tokens = towers_of(model, rows=128), loaded.tokenize(CAPTIONS)
    for _ in range(2):
        towers.embed(batch_of(IMAGES), tokens)()
    assert model.images == ["short"] * 6 + [(32, 3, 32, 32)] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "cpu is out of memory with 128 pairs at once; going on with 64",
        "cpu is out of memory with 64 pairs at once; going on with 32",
    ]


def test_no_memory_for_a_block_is_a_model_error(loaded):
    towers = towers_of(noting(loaded.module, lambda calls, rows: True))
    with pytest.raises(ModelError, match="cpu is out of memory with 16 pairs at once, the fewest that are tried; free"):
        towers.embed(batch_of(IMAGES), loaded.tokenize(CAPTIONS))


class Recorder:
    """Stands in for `torch.cuda`: what is asked of its streams and events, in order."""

    def __init__(self):
        self.log = []
        self.streams = 0
        self.events = 0

    def Stream(self, device):
        name = ("copies", "work")[self.streams]
        self.streams += 1
        return RecordedStream(self.log, name)

    def Event(self):
        self.events += 1
        return RecordedEvent(self.log, self.events)

    def stream(self, stream):
        return Noted(self.log, stream.name)

    def device(self, device):
        return Noted([], "")

    def synchronize(self, device):
        self.log.append("all wait")

    def empty_cache(self):
        self.log.append("empty")


class RecordedStream:
    def __init__(self, log, name):
        self._log, self.name = log, name

    def wait_event(self, event):
        self._log.append(f"{self.name} waits for {event.number}")


class RecordedEvent:
    def __init__(self, log, number):
        self._log, self.number = log, number

    def record(self, stream):
        self._log.append(f"{self.number} after {stream.name}")

    def synchronize(self):
        self._log.append(f"host waits for {self.number}")


class Noted:
    def __init__(self, log, name):
        self._log, self._name = log, name

    def __enter__(self):
        self._log.append(f"on {self._name}")

    def __exit__(self, *error):
        self._log.append(f"end of {self._name}")


@pytest.fixture
def recorded(monkeypatch):
    """Streams of a stand-in for CUDA, and what was asked of them; tensors stay on the CPU."""
    cuda = Recorder()
    moved = []
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: moved.append(stream.name))
    return CudaStreams(CPU, cuda=cuda, pin=lambda tensor: tensor.clone()), cuda.log, moved


def test_a_batch_is_copied_on_one_stream_and_computed_on_another(loaded, recorded):
    streams, log, moved = recorded
    towers, tokens = towers_of(loaded.module, streams=streams), loaded.tokenize(CAPTIONS)
    towers.embed(batch_of(IMAGES), tokens)()
    log.clear()
    moved.clear()
    first = towers.embed(batch_of(IMAGES), tokens)
    second = towers.embed(batch_of(IMAGES), tokens)
    launched = [line for line in log if not line.startswith("end")]
    (copied, done), again = [line.split()[0] for line in launched if " after " in line][:2], launched[6:]
    assert launched[:6] == [
        "on copies",
        f"{copied} after copies",
        "on work",
        f"work waits for {copied}",
        f"{done} after work",
        f"host waits for {copied}",  # for the copies alone, and with all work launched
    ]
    assert again[0] == "on copies"
    assert len(moved) == 2 * 3  # pixels, their resize, captions
    assert set(moved) == {"work"}
    log.clear()
    expected, found = second(), first()
    assert log[1:] == [f"host waits for {done}"]
    assert all((one == other).all() for one, other in zip(found, expected, strict=True))


def test_memory_of_images_is_given_back_once_they_are_copied(loaded, recorded):
    streams, log, _ = recorded
    towers = towers_of(loaded.module, streams=streams)
    towers.embed(batch_of(IMAGES), loaded.tokenize(CAPTIONS), lambda: log.append("given back"))
    assert log[-2].startswith("host waits for")
    assert log[-1] == "given back"


def test_no_memory_to_pin_is_no_error(loaded, monkeypatch, caplog):
    def no_pin(tensor):
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: None)
    streams = CudaStreams(CPU, cuda=Recorder(), pin=no_pin)
    expected = towers_of(loaded.module).embed(batch_of(IMAGES), loaded.tokenize(CAPTIONS))()
    found = towers_of(loaded.module, streams=streams).embed(batch_of(IMAGES), loaded.tokenize(CAPTIONS))()
    assert all((one == other).all() for one, other in zip(found, expected, strict=True))
    assert caplog.records[0].getMessage() == "cpu: no memory can be pinned; copies from there wait for it"


def test_memory_is_freed_before_a_pass_is_tried_again(loaded, recorded):
    streams, log, _ = recorded
    towers = towers_of(noting(loaded.module, lambda calls, rows: calls == 1), streams=streams)
    towers.embed(batch_of(IMAGES), loaded.tokenize(CAPTIONS))()
    assert log[log.index("empty") - 1] == "all wait"


def test_a_cpu_computes_when_it_is_asked_to():
    streams = CpuStreams(CPU)
    with streams.copying() as move, streams.computing():
        fetch = streams.fetch(move(torch.arange(3)))
    assert fetch().tolist() == [0, 1, 2]


def test_texts_alone_are_those_of_pairs(on_device, scorer):
    texts = ["a cat", "two dogs on a sofa", "word " * 70]
    np.testing.assert_allclose(on_device.embed_texts(texts), scorer.embed_texts(texts), atol=1e-6)
