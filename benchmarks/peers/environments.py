"""Environments of the peers, each its own beside ours: made on the first run, found again on later ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[2] / ".venv-peers"
_PACKAGES = {
    "datatrove": ["datatrove==0.10.1", "fasttext-numpy2-wheel", "spacy", "nltk", "fasteners", "regex", "tldextract"],
    # without pyspark, its cluster, which its parsing does not need
    "cc2dataset": ["--no-deps", "cc2dataset==1.5.0", "fastwarc==2.0.1", "pysimdjson==7.0.2", "loguru", "fsspec"],
    "img2dataset": ["img2dataset==1.47.0"],
    "datatrove_minhash": ["datatrove==0.10.1", "tokenizers", "spacy", "nltk", "fasteners", "regex", "tldextract"],
    "image_hashes": ["imagehash==4.3.2", "imagededup==0.3.3.post2", "numpy>=2", "pillow"],
    "faiss": ["faiss-cpu==1.15.1", "numpy>=2"],
    "data_juicer": ["py-data-juicer==1.6.1", "fasttext-predict", "aiohttp"],
    "clip_retrieval": ["clip-retrieval==2.45.0", "setuptools<80"],
    "data_juicer_clip": [
        *["py-data-juicer==1.6.1", "aiohttp", "torch", "torchvision", "transformers<5"],
        "opencv-python-headless",
    ],
}
_INSTALLED = ".installed"


class PeerError(Exception):
    """A peer cannot be installed or run here; the message is one line."""


def run_peer(name: str, script: str, *arguments: str, limit_s: float | None = None) -> dict:
    """Runs one of this folder's scripts in a peer's environment and returns what it prints last, a line of JSON.

    Args:
        limit_s: after so long it is ended, with all that it started, and counts as failed.

    Raises:
        PeerError: the peer cannot be installed, or fails.
    """
    path = Path(__file__).with_name(script)
    lines = _call([str(_python(name)), str(path), *arguments], limit_s=limit_s).splitlines()
    said = next((line for line in reversed(lines) if line.startswith("{")), None)  # its own threads may print after it
    if said is None:
        raise PeerError(f"{name}: {script} printed no figures")
    return json.loads(said)


def _python(name: str) -> Path:
    folder = HOME / name
    python = folder / "bin" / "python"
    wanted = " ".join(_PACKAGES[name])
    mark = folder / _INSTALLED
    if not (mark.exists() and mark.read_text() == wanted):
        print(f"bench: installing {name} into {folder}, once", flush=True)
        uv = Path(sys.executable).with_name("uv")
        if uv.exists():
            _call([str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
            _call([str(uv), "pip", "install", "--quiet", "--python", str(python), *_PACKAGES[name]])
        else:
            _call([sys.executable, "-m", "venv", "--clear", str(folder)])
            _call([str(python), "-m", "pip", "install", "--quiet", *_PACKAGES[name]])
        mark.write_text(wanted)
    return python


def _call(command: list[str], *, limit_s: float | None = None) -> str:
    what = f"{Path(command[0]).name} {' '.join(command[1:3])}"
    # a session of its own, so that a peer's processes can be ended with it
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        output, errors = process.communicate(timeout=limit_s)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise PeerError(f"{what} was not done after {limit_s:g} s") from error
        raise
    if process.returncode:
        last = (errors.strip() or output.strip() or "no output").splitlines()[-1]
        raise PeerError(f"{what} failed: {last}")
    return output
