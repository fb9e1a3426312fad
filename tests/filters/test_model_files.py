"""Models by folder and by name: found here, fetched from a hub on loopback, refused in time."""

import logging
import socket

import pytest

from babelsift.filters.model_files import check_reachable, describe_on_hub, find_model, model_digest, model_folder
from babelsift.schemas import ModelError
from tests.support.hugging_face_hub import serving_hub


@pytest.fixture
def hub_at(monkeypatch, tmp_path):
    """hub_at(endpoint): has the hub's library ask there, with a cache of its own."""

    def ask(endpoint):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        template = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))

    return ask


def test_a_folder_is_found_and_its_digest_is_of_what_is_loaded(tmp_path):
    for name, content in (("config.json", "{}"), ("model.safetensors", "1"), ("README.md", "a")):
        (tmp_path / name).write_text(content)
    assert find_model(str(tmp_path)) == tmp_path
    digest = model_digest(tmp_path)
    (tmp_path / "README.md").write_text("b")
    (tmp_path / "pytorch_model.bin").write_text("the same in another format")
    assert model_digest(tmp_path) == digest
    (tmp_path / "config.json").write_text("{ }")
    assert model_digest(tmp_path) != digest


@pytest.mark.parametrize("name", ["./gone", "/gone", "~/gone", "gone", "a/b/c", "a b/c"])
def test_what_is_neither_a_folder_nor_a_name_is_said(name):
    with pytest.raises(ModelError, match="no folder here, and no organisation/name"):
        model_folder(name)


def test_without_a_network_it_is_one_line_in_time(hub_at):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    hub_at(f"http://127.0.0.1:{port}")
    with pytest.raises(ModelError, match=r"model org/name: not here, and cannot be fetched .* models fetch"):
        model_folder("org/name")


def test_a_model_is_fetched_once_and_found_afterwards(hub_at, caplog):
    files = {"config.json": b"{}", "model.safetensors": b"weights", "tokenizer.json": b"{ }"}
    more = {"pytorch_model.bin": b"could run code", "README.md": b"not asked for", "onnx/model.onnx": b"neither"}
    with caplog.at_level(logging.INFO), serving_hub("org/name", {**files, **more}, kind="models") as endpoint:
        hub_at(endpoint)
        assert find_model("org/name") is None
        folder = model_folder("org/name")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    assert any(message.startswith("models: fetching org/name, 0.0 MB") for message in caplog.messages)
    assert find_model("org/name") == folder
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-2.safetensors"}}')
    assert find_model("org/name") is None


def test_a_hub_that_does_not_answer_is_one_line_in_time(hub_at):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub_at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ModelError, match="model org/name: not here, and"):
            describe_on_hub("org/name", patience_s=0.3)
        with pytest.raises(
            ModelError, match=r"model ViT-B-32 \(openai\): not here, and where it is to be fetched nobody"
        ):
            check_reachable(f"http://127.0.0.1:{silent.getsockname()[1]}/x", "ViT-B-32 (openai)", patience_s=0.3)


def test_any_answer_says_that_a_model_can_be_asked_for():
    with serving_hub("org/name", {}) as endpoint:
        check_reachable(f"{endpoint}/nothing/there", "org/name")
