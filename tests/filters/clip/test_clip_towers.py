import copy
import importlib
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from babelsift.filters.clip import load_model
from babelsift.filters.clip.devices import devices_for, lanes_of, resolve_precision
from babelsift.filters.clip.encoder import rows_at
from babelsift.filters.clip.towers import Towers, shortenable_tower
from babelsift.schemas import ModelError

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
VISION = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
CAPTIONS = [
    "a cat",
    "a long caption of a dog " * 3,
    "word " * 40,
    "word " * 200,
    "!",
    "",
    "a cat",
    "猫がソファで寝ている",
]


def clip(kind=open_clip.CLIP, **text):
    torch.manual_seed(1)
    return kind(**json.loads(json.dumps({"embed_dim": 16, "vision_cfg": VISION, "text_cfg": {**TEXT, **text}}))).eval()


MODELS = {
    "openai": lambda: clip(),
    "custom": lambda: clip(open_clip.CustomTextCLIP),
    "end of text by its number": lambda: clip(open_clip.CustomTextCLIP, pool_type="eos", eos_id=49407),
    "coca's class token": lambda: clip(open_clip.CustomTextCLIP, embed_cls=True, output_tokens=False),
    "siglip": lambda: clip(open_clip.CustomTextCLIP, no_causal_mask=True, pool_type="last"),
    "first token": lambda: clip(open_clip.CustomTextCLIP, pool_type="first"),
}
SHORTENED = {"openai", "custom", "end of text by its number"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", MODELS)
def test_shortened_captions_have_the_embeddings_of_whole_ones(name, dtype):
    model = MODELS[name]().to(dtype)
    tokens = open_clip.get_tokenizer("ViT-B-32")(CAPTIONS)
    with torch.inference_mode():
        whole = torch.nn.functional.normalize(model.encode_text(tokens).float(), dim=-1).numpy()
    bound = 1e-6 if dtype == torch.float32 else 1e-2
    assert abs(Towers(model, torch.device("cpu"), rows=64).encode_texts(tokens) - whole).max() < bound
    assert (shortenable_tower(model) is not None) == (name in SHORTENED)


def test_only_as_much_of_a_caption_is_encoded_as_counts(monkeypatch):
    model, seen = MODELS["openai"](), []
    forward = model.transformer.forward
    model.transformer.forward = lambda x, **rest: seen.append(tuple(x.shape[:2])) or forward(x, **rest)
    Towers(model, torch.device("cpu"), rows=64).encode_texts(open_clip.get_tokenizer("ViT-B-32")(CAPTIONS))
    assert seen == [(8, 12), (8, 24), (8, 48), (8, 77)]


def test_a_caption_has_the_same_embedding_in_any_company():
    model = clip(layers=2, width=64, heads=4)
    captions = [" ".join(["word"] * (n % 60)) + f" {n}" for n in range(60)]
    tokens = open_clip.get_tokenizer("ViT-B-32")(captions)
    towers = Towers(model, torch.device("cpu"), rows=64)
    together = towers.encode_texts(tokens)
    assert all((towers.encode_texts(tokens[n : n + 1])[0] == together[n]).all() for n in range(0, 60, 7))


def test_the_model_itself_is_not_changed():
    model = MODELS["openai"]()
    before = copy.deepcopy(model.state_dict())
    Towers(model, torch.device("cpu"), rows=64).encode_texts(open_clip.get_tokenizer("ViT-B-32")(["a cat"]))
    assert model.positional_embedding.shape[0] == 77
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class _Doubling:
    """A model that compiles, were there a compiler."""

    @staticmethod
    def encode_image(pixels):
        return pixels * 2 + 1


def test_a_machine_without_a_compiler_is_a_model_error(monkeypatch, tmp_path):
    inductor = importlib.import_module("torch._inductor.config")  # torch has no public name for it
    monkeypatch.setattr(inductor.cpp, "cxx", (str(tmp_path / "no-such-compiler"),))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    towers = Towers(_Doubling, torch.device("cpu"), rows=64, compiled=True)
    with pytest.raises(
        ModelError, match=r"torch.compile cannot compile the model here: .*; install a C.* compiler"
    ) as caught:
        towers.encode_images(3, lambda at: torch.ones(len(at), 4))
    assert "\n" not in str(caught.value)


def test_what_else_fails_in_a_compiled_model_is_shown_as_it_is():
    class Broken:
        @staticmethod
        def encode_image(pixels):
            raise RuntimeError("cuDNN error")

    towers = Towers(Broken, torch.device("cpu"), rows=64, compiled=True)
    with pytest.raises(RuntimeError, match="cuDNN error") as caught:
        towers.encode_images(3, lambda at: torch.ones(len(at), 4))
    assert not isinstance(caught.value, ModelError)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_all_ways_to_say_out_of_memory_are_known(error):
    asked = []

    class Crowded:
        @staticmethod
        def encode_image(pixels):
            asked.append(len(pixels))
            if len(pixels) > 16:
                raise error
            return pixels

    towers = Towers(Crowded, torch.device("cpu"), rows=64)
    assert towers.encode_images(40, lambda at: torch.eye(64)[at]).shape == (40, 64)
    assert asked == [48, 32, 16, 16, 16]


def test_a_shortage_that_passes_does_not_halve_for_ever():
    asked = []

    class Crowded:
        @staticmethod
        def encode_image(pixels):
            asked.append(len(pixels))
            if len(asked) == 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return pixels

    towers = Towers(Crowded, torch.device("cpu"), rows=64)
    for _ in range(40):
        towers.encode_images(64, lambda at: torch.eye(64)[at])
    assert asked[:3] == [64, 32, 32]
    assert asked[-1] == 64


class _Shared(logging.Handler):
    """A model on a device whose memory is for `room` rows; the first batch stays there until another's thread gave up.

    That it did is in the log.
    """

    def __init__(self, room):
        super().__init__()
        self._room = room
        self._rows = 0
        self._given_up = threading.Event()
        self._guard = threading.Lock()
        self.asked = []

    def encode_image(self, pixels):
        with self._guard:
            self.asked.append(len(pixels))
            self._rows += len(pixels)
            is_full, is_first = self._rows > self._room, len(self.asked) == 1
        try:
            if is_full:
                raise torch.OutOfMemoryError("CUDA out of memory")
            assert not is_first or self._given_up.wait()
            return pixels
        finally:
            with self._guard:
                self._rows -= len(pixels)

    def emit(self, record):
        self._given_up.set()


def test_batches_that_fit_one_by_one_take_turns(caplog, monkeypatch):
    model = _Shared(room=48)
    monkeypatch.setattr(logging.getLogger("babelsift.filters.clip.towers.by_length"), "handlers", [model])
    towers = Towers(model, torch.device("cpu"), rows=32)
    with ThreadPoolExecutor(2) as lanes:
        found = list(lanes.map(lambda _: towers.encode_images(32, lambda at: torch.eye(32)[at]), range(6)))
    assert all((one == np.eye(32)).all() for one in found)
    assert model.asked == [32] * 7
    message = "cpu is out of memory with two batches at once; going on with one"
    assert [record.getMessage() for record in caplog.records] == [message]


def test_two_threads_that_run_out_of_memory_at_once_both_go_on():
    both, tried = threading.Barrier(2), threading.local()

    class Crowded:
        """Its first two batches fail together, and what comes after is too large for it once more."""

        @staticmethod
        def encode_image(pixels):
            if not getattr(tried, "once", False):
                tried.once = True
                both.wait()
                raise torch.OutOfMemoryError("CUDA out of memory")
            if len(pixels) > 16:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return pixels

    towers = Towers(Crowded, torch.device("cpu"), rows=64)
    with ThreadPoolExecutor(2) as lanes:
        found = list(lanes.map(lambda _: towers.encode_images(64, lambda at: torch.eye(64)[at]), range(2)))
    assert all((one == np.eye(64)).all() for one in found)


def test_all_gpus_are_taken(monkeypatch):
    assert devices_for("cpu") == [torch.device("cpu")]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert devices_for(None) == [torch.device("cuda", number) for number in range(3)]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert devices_for(None) == [torch.device("cpu")]


def test_each_gpu_has_a_second_batch_on_its_way():
    gpus = [torch.device("cuda", number) for number in range(2)]
    assert lanes_of(gpus) == [0, 1, 0, 1]
    assert lanes_of([torch.device("cpu")]) == [0]


def test_neighbours_are_taken_from_a_batch_where_they_lie():
    pixels = torch.arange(40).reshape(20, 2)
    neighbours = rows_at(pixels, torch.arange(3, 12))
    assert torch.equal(neighbours, pixels[3:12])
    assert neighbours.data_ptr() == pixels[3].data_ptr()  # a copy would not be in pinned memory, as the batch is
    assert torch.equal(rows_at(pixels, torch.tensor([17, 18, 19, 19])), pixels[[17, 18, 19, 19]])


@pytest.mark.parametrize(
    ("device", "native", "expected"),
    [
        ("cuda", True, "bf16"),
        ("cuda", False, "fp16"),
        ("cpu", True, "bf16"),
        ("cpu", False, "fp32"),
        ("mps", True, "fp32"),
    ],
)
def test_the_precision_that_auto_stands_for(device, native, expected):
    def resolved(precision, architecture):
        return resolve_precision(precision, SimpleNamespace(type=device), architecture, has_bf16=lambda _: native)

    vit = open_clip.get_model_config("ViT-B-32")
    assert resolved("auto", vit) == expected
    assert resolved("fp32", vit) == "fp32"
    assert resolved("auto", open_clip.get_model_config("RN50")) == "fp32"
    assert resolved("auto", {**vit, "embed_dim": 64}) == "fp32"
    assert resolved("bf16", {**vit, "embed_dim": 64}) == "bf16"


TOKENS = ["<s>", "<pad>", "</s>", "<unk>"]


@pytest.fixture(scope="module")
def multilingual_folder(tmp_path_factory):
    """A tiny CLIP with an XLM-R text tower and its tokenizer, as a folder."""
    folder = tmp_path_factory.mktemp("xlmr")
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=TOKENS, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(["a cat on a sofa", "eine Katze auf dem Sofa", "猫がソファで寝ている"] * 5, trainer)
    ends = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), TOKENS, strict=True))
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    vocabulary = {"vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": 66, "pad_token_id": 1}
    transformers.XLMRobertaConfig(**sizes, **vocabulary).save_pretrained(folder)
    text = {"hf_model_name": str(folder), "hf_tokenizer_name": str(folder), "hf_model_pretrained": False}
    text |= {"hf_proj_type": "mlp", "hf_pooler_type": "mean_pooler", "context_length": 40}
    config = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": text}
    torch.manual_seed(0)
    state = open_clip.CustomTextCLIP(**json.loads(json.dumps(config))).state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    return folder


class _RecordedTexts:
    """A model that keeps how many tokens a caption it was given."""

    def __init__(self, module):
        self.encode_image, self.text, self._module = module.encode_image, module.text, module
        self.lengths = set()

    def encode_text(self, tokens):
        self.lengths.add(tokens.shape[1])
        return self._module.encode_text(tokens)


def test_a_multilingual_model_with_its_own_tokenizer(multilingual_folder):
    model = load_model(str(multilingual_folder), precision="fp32")
    captions = ["a cat", "猫がソファで寝ている", "eine Katze " * 9, "\ud800"]
    reference = open_clip.get_tokenizer(f"local-dir:{multilingual_folder}")
    tokens = model.tokenize(captions)
    assert torch.equal(tokens, reference(captions))
    with torch.inference_mode():
        whole = torch.nn.functional.normalize(model.module.encode_text(tokens), dim=-1).numpy()
    recorded = _RecordedTexts(model.module)
    assert abs(Towers(recorded, torch.device("cpu"), rows=64).encode_texts(tokens) - whole).max() < 1e-5
    assert {12, 40} <= recorded.lengths
    for precision in ("bf16", "fp16"):
        narrow = load_model(str(multilingual_folder), precision=precision)
        found = Towers(narrow.module, torch.device("cpu"), rows=64).encode_texts(tokens)
        assert 0 < abs(found - whole).max() < 0.02
        assert narrow.info["fp32_residuals"] == ["image", "text"]
    assert str(multilingual_folder) not in json.dumps(model.info)
