"""A module of a user's own, where functions of columns are."""

import textwrap

import pytest

MODULE = """
import os
import time

import pyarrow.compute as pc

SAID = {said!r}


def length(texts):
    with open(SAID, "a") as said:
        said.writelines(f"{{text}}\\n" for text in texts.to_pylist())
    return pc.utf8_length(texts)


def fussy(texts):
    for text in texts.to_pylist():
        if "odd" in text:
            raise ValueError(f"odd: {{text}}")
        if "fatal" in text:
            os._exit(3)
        if "endless" in text:
            time.sleep(600)
        if "wrong" in text:
            return [1.0] * 99
    return [len(text) / 2 for text in texts.to_pylist()]


def moody(texts):
    if os.path.exists(SAID + ".stop"):
        raise RuntimeError("stopped")
    return length(texts)


def weary(things, *others):
    # SAID.stop says after how many calls it raises.
    calls = open(SAID).read().count("call") if os.path.exists(SAID) else 0
    if os.path.exists(SAID + ".stop") and calls >= int(open(SAID + ".stop").read()):
        raise RuntimeError("stopped")
    with open(SAID, "a") as said:
        said.write(f"call {{len(things)}}\\n")
    return [1.0] * len(things)


def hopeless(things):
    raise OSError("no answer")


def forking(texts):
    return [2.0 if os.fork() == 0 else 1.0] * len(texts)  # the child goes on, too


def beyond(texts):
    return [2**70] * len(texts)


def expendable(texts):
    return [float(open("/proc/self/oom_score_adj").read())] * len(texts)


class MuteError(Exception):
    def __str__(self):
        raise ValueError("no words")


def mute(texts):
    raise MuteError


class Outer:
    def half(texts):
        return [len(text) / 2 for text in texts.to_pylist()]


def prepared(start):
    return {{"start": start}}


def counted(state, texts):
    print("counted", len(texts))
    return [state["start"] + len(text) for text in texts.to_pylist()]


def shade(images):
    means = [float(image.mean()) for image in images]
    return {{"mean": means, "tone": ["dark" if mean < 128 else "light" for mean in means]}}


def fits(images, captions):
    return [len(image) + len(caption) for image, caption in zip(images, captions.to_pylist())]


def first(vectors):
    return vectors[:, 0]


def apart(images, texts):
    return (images - texts)[:, 0]


def cheap(rows):
    return [price is not None and price < 10 for price in rows.column("price").to_pylist()]


def broken_setup():
    raise RuntimeError("no weights")
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module that calls can import; `module.said()` are the texts that it was asked about."""
    path, said = tmp_path / "their_columns.py", tmp_path / "said.txt"
    path.write_text(textwrap.dedent(MODULE.format(said=str(said))))
    monkeypatch.syspath_prepend(str(tmp_path))

    class Module(str):
        def said(self):
            return sorted(said.read_text().splitlines()) if said.exists() else []

        def edit(self, old, new):
            path.write_text(path.read_text().replace(old, new))

    return Module("their_columns")
