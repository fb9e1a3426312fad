"""Models on the Hub: said at once where they must be fetched, and no waiting for a network that is not there."""

import logging
import socket

import pytest

from babelsift.filters.clip import load_model
from babelsift.filters.clip.backends.hub import hub_folder
from babelsift.schemas import ModelError
from tests.support.hugging_face_hub import serving_hub


@pytest.fixture
def silent_server():
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def nowhere():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def test_a_model_is_fetched_once_and_said(transformers_folder, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    files = {path.name: path.read_bytes() for path in transformers_folder("clip").iterdir()}
    files |= {"pytorch_model.bin": b"could run code", "photo.jpg": b"not asked for"}
    with caplog.at_level(logging.INFO), serving_hub("babelsift/small", files, kind="models") as endpoint:
        folder = hub_folder("babelsift/small", endpoint=endpoint)
    fetched = {path.name for path in folder.iterdir()}
    assert fetched == files.keys() - {"pytorch_model.bin", "photo.jpg"}
    assert "downloading babelsift/small: 0 MB of weights" in caplog.messages
    expected = load_model(str(transformers_folder("clip")), precision="fp32").info["weights_digest"]
    assert load_model("transformers:babelsift/small", precision="fp32").info["weights_digest"] == expected


def error_of(endpoint, caplog):
    with caplog.at_level(logging.INFO), pytest.raises(ModelError) as failed:
        hub_folder("babelsift/no-such-model", endpoint=endpoint, patience_s=0.5)
    assert "babelsift/no-such-model is not in the cache; asking the Hub for it" in caplog.messages
    message = str(failed.value)
    assert "\n" not in message
    assert message.startswith("cannot fetch model babelsift/no-such-model: ")
    assert "connect to the network once, or copy the model to a folder" in message
    return message


def test_a_hub_that_does_not_answer(silent_server, caplog):
    assert "no answer within 0.5 s" in error_of(silent_server, caplog)


def test_no_hub_at_all(nowhere, caplog):
    error_of(nowhere, caplog)


def test_a_machine_that_is_told_to_be_offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="cannot fetch model babelsift/no-such-model: "):
        load_model("transformers:babelsift/no-such-model")
