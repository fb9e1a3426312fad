import functools
import json
import logging
import shutil

import open_clip
import pytest
import torch
from safetensors.torch import save_file

import babelsift.filters.clip
from babelsift.filters.clip import ClipScorer, check_model, model_digest, model_fingerprint
from babelsift.filters.clip.backends.model_source import resolve_source
from babelsift.schemas import ModelError

pytestmark = pytest.mark.xdist_group("clip_models")  # its tests share what a fixture makes

ARCHITECTURE = "babelsift-test-tiny"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, weights):
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.pt"
    torch.save({"state_dict": weights}, path)
    return path


@pytest.fixture(scope="module", autouse=True)
def architecture(model_folder, tmp_path_factory):
    """Makes open_clip know the tiny model as an architecture."""
    path = tmp_path_factory.mktemp("architectures") / f"{ARCHITECTURE}.json"
    path.write_text(json.dumps(json.loads((model_folder / "open_clip_config.json").read_text())["model_cfg"]))
    open_clip.add_model_config(path)


@pytest.fixture
def tags(monkeypatch, checkpoint, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    offered = {
        "plain": {"file": str(checkpoint)},
        "quick": {"file": str(checkpoint), "quick_gelu": True},
        "gone": {"url": "http://127.0.0.1:9/tiny.pt"},
    }
    known = open_clip.pretrained._PRETRAINED  # noqa: SLF001 -- open_clip has no other way to offer weights
    monkeypatch.setitem(known, ARCHITECTURE, offered)


def error_of(model, pretrained=None, **options):
    with pytest.raises(ModelError) as caught:
        check_model(str(model), pretrained and str(pretrained), **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message


@pytest.mark.parametrize(
    ("model", "pretrained", "expected"),
    [
        ("ViT-B-23", None, "unknown CLIP architecture 'ViT-B-23'; did you mean 'ViT-B-32'"),
        ("zzzzzz", None, "unknown CLIP architecture 'zzzzzz'; `open_clip.list_models()`"),
        (
            "ViT-B/32",
            None,
            "architecture ViT-B-32 has no weights without pretrained; give a checkpoint file or a tag (op",
        ),
        ("ViT-B-32", "opnai", "unknown weights 'opnai' for ViT-B-32; did you mean 'openai'? Known: openai, "),
        ("ViT-B-32", "models/x.pt", "no checkpoint file 'models/x.pt'"),
        ("ViT-B-32", "x.safetensors", "no checkpoint file 'x.safetensors'"),
        ("hf-hub:justaname", None, "'hf-hub:justaname' is not a Hugging Face name; write hf-hub:organisation/name"),
        ("hf-hub:org/name", "openai", "hf-hub:org/name brings its own weights; remove pretrained ('openai')"),
        ("local-dir:/no/such", None, "no CLIP model folder '/no/such'"),
        ("./no_such", None, "no CLIP model folder 'no_such'"),
        (ARCHITECTURE, "gone", f"model {ARCHITECTURE} (gone): not here, and cannot be fetched (<urlopen error"),
    ],
)
def test_wrong_names(tags, model, pretrained, expected):
    assert error_of(model, pretrained).startswith(expected)


def test_a_hub_model_without_network(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = error_of("hf-hub:babelsift/no-such-model")
    assert message.startswith("cannot load CLIP model hf-hub:babelsift/no-such-model: ")
    assert message.endswith("check the name and the network, or give a local folder with its files")


def damage_config(folder):
    (folder / "open_clip_config.json").write_text("{")


def empty_config(folder):
    (folder / "open_clip_config.json").write_text("{}")


def remove_config(folder):
    (folder / "open_clip_config.json").unlink()


def remove_weights(folder):
    (folder / "open_clip_model.safetensors").unlink()


def cut_weights(folder):
    path = folder / "open_clip_model.safetensors"
    path.write_bytes(path.read_bytes()[:100_000])


def drop_a_weight(folder):
    save_file({"logit_scale": torch.zeros(())}, folder / "open_clip_model.safetensors")


def unknown_setting(folder):
    path = folder / "open_clip_config.json"
    content = json.loads(path.read_text())
    content["model_cfg"]["vision_cfg"]["wings"] = 2
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (damage_config, "cannot be read as JSON"),
        (empty_config, "has no model_cfg"),
        (remove_config, "has no open_clip_config.json"),
        (remove_weights, "holds no weights; put open_clip_model.safetensors there"),
        (cut_weights, "check that the folder was copied whole"),
        (drop_a_weight, "Missing key(s) in state_dict"),
        (unknown_setting, "wings"),
    ],
)
def test_damaged_folders(model_folder, tmp_path, harm, expected):
    folder = shutil.copytree(model_folder, tmp_path / "model")
    harm(folder)
    assert expected in error_of(folder)


def test_weights_that_are_not_numbers(make_model_folder):
    folder = make_model_folder(changed_weights={"text_projection": torch.full((32, 16), torch.nan)})
    assert "fails on a first pair: its outputs are not numbers (NaN)" in error_of(folder)


def test_a_vocabulary_that_is_too_small(make_model_folder, weights):
    folder = make_model_folder(
        changed_weights={"token_embedding.weight": weights["token_embedding.weight"][:1000].clone()},
        text_cfg={"context_length": 77, "vocab_size": 1000, "width": 32, "heads": 2, "layers": 1},
    )
    assert "fails on a first pair" in error_of(folder)


def test_a_file_of_something_else(tmp_path):
    path = tmp_path / "notes.pt"
    path.write_text("not weights")
    assert error_of(ARCHITECTURE, path).endswith("check that the checkpoint is whole and of that architecture")
    assert "is a folder; name its checkpoint file" in error_of(ARCHITECTURE, tmp_path)


@pytest.mark.parametrize("device", ["tpu9", "cuda:99"])
def test_a_device_that_is_not_here(model_folder, device):
    message = error_of(model_folder, device=device)
    assert message.startswith(f"device {device!r} cannot be used here")
    assert message.endswith("leave device out to take what there is")


def test_open_clip_is_not_installed(monkeypatch, model_folder):
    monkeypatch.setitem(__import__("sys").modules, "open_clip", None)
    assert error_of(model_folder).endswith("run: pip install 'babelsift[clip]'")


def test_failures_are_quiet(model_folder, tmp_path, caplog):
    folder = shutil.copytree(model_folder, tmp_path / "model")
    cut_weights(folder)
    with caplog.at_level(logging.INFO):
        error_of(folder)
        error_of(ARCHITECTURE, "no_such_tag")
    assert [record for record in caplog.records if "open_clip" in record.pathname] == []


def test_the_hub_does_not_tell_each_retry_while_a_model_loads(tags, monkeypatch, caplog):
    caplog.set_level(logging.WARNING, "huggingface_hub")  # whatever a command that ran before had set
    enabled = []
    log = logging.getLogger("huggingface_hub.utils._http")
    monkeypatch.setattr(open_clip, "download_pretrained", lambda cfg: enabled.append(log.isEnabledFor(logging.WARNING)))
    check_model(ARCHITECTURE, "plain")
    assert enabled == [False]
    assert log.isEnabledFor(logging.WARNING)


def test_every_way_to_name_a_model_gives_the_same_weights(model_folder, checkpoint, tags, tmp_path, weights):
    safe = tmp_path / "tiny.safetensors"
    save_file(weights, safe)
    found = [
        check_model(*names)
        for names in [
            (str(model_folder),),
            (f"local-dir:{model_folder}",),
            (ARCHITECTURE, str(checkpoint)),
            (ARCHITECTURE, str(safe)),
            (ARCHITECTURE, "plain"),
        ]
    ]
    assert len({one["weights_digest"] for one in found}) == 1
    folder, prefixed, pickled, safetensors, tag = (one["fingerprint"] for one in found)
    assert folder == prefixed
    assert pickled == safetensors
    assert len({folder, pickled, tag}) == 3


def test_the_activation_is_the_one_the_weights_were_trained_with(tags, recwarn):
    assert resolve_source("ViT-B-32", "openai").quick_gelu
    assert not resolve_source("ViT-B-32", "laion2b_s34b_b79k").quick_gelu
    plain, quick = (ClipScorer(ARCHITECTURE, tag) for tag in ("plain", "quick"))
    assert quick.info["architecture"]["quick_gelu"]
    assert not plain.info["architecture"]["quick_gelu"]
    assert {type(block.mlp.gelu).__name__ for block in quick.model.module.transformer.resblocks} == {"QuickGELU"}
    assert [str(warning.message) for warning in recwarn if "QuickGELU" in str(warning.message)] == []


def test_a_fingerprint_follows_all_that_scores_depend_on(model_folder, make_model_folder, weights, tmp_path):
    load_model = functools.partial(babelsift.filters.clip.load_model, precision="fp32")
    first = load_model(str(model_folder))
    moved = shutil.copytree(model_folder, tmp_path / "elsewhere")
    assert load_model(str(moved)).fingerprint == first.fingerprint
    others = [
        load_model(str(make_model_folder(changed_weights={"logit_scale": weights["logit_scale"] + 1}))),
        load_model(str(make_model_folder(preprocess={"interpolation": "bilinear"}))),
        load_model(str(make_model_folder(vision={"head_width": 8}))),
        load_model(str(model_folder), precision="bf16"),
    ]
    assert len({first.fingerprint, *(other.fingerprint for other in others)}) == 5
    assert first.dimension == 16
    assert first.info["preprocessing"]["mean"] == [0.5, 0.4, 0.3]
    json.dumps(first.info)


def test_digest_and_fingerprint_of_parts():
    module = torch.nn.Linear(2, 2).to(torch.bfloat16)
    before = model_digest(module)
    assert len(before) == 64
    assert model_digest(module) == before
    with torch.no_grad():
        module.bias[0] += 1
    assert model_digest(module) != before
    parts = {"model": "m", "pretrained": None, "weights_digest": "a", "preprocessing": {}, "precision": "fp32"}
    changed = [{**parts, name: "another"} for name in parts]
    assert len({model_fingerprint(**one) for one in [parts, *changed]}) == 1 + len(parts)
