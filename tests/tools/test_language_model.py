"""The language model is made again, in small, of a Debian package whose messages are in four languages."""

import io
import struct
import tarfile
import zipfile
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.language.ngram_kernels import slots_of
from babelsift.filters.language.ngram_model import NgramModel
from babelsift.filters.strings import flatten
from tools.language_model.__main__ import write_model
from tools.language_model.catalogues import read_package
from tools.language_model.sources import read_sources

WORDS = {
    "de": [
        "der",
        "hund",
        "und",
        "die",
        "katze",
        "auf",
        "einem",
        "weißen",
        "stuhl",
        "vor",
        "dem",
        "großen",
        "haus",
        "mit",
        "garten",
    ],
    "fr": [
        "le",
        "chien",
        "et",
        "la",
        "chatte",
        "sur",
        "une",
        "chaise",
        "blanche",
        "devant",
        "cette",
        "grande",
        "maison",
        "avec",
        "jardin",
    ],
    "ru": ["собака", "и", "кошка", "на", "белом", "стуле", "перед", "большим", "домом", "с", "садом", "что", "это"],
    "uk": [
        "собака",
        "і",
        "кішка",
        "на",
        "білому",
        "стільці",
        "перед",
        "великим",
        "будинком",
        "із",
        "садом",
        "що",
        "це",
        "її",
    ],
}


def catalogue(messages):
    """A compiled gettext catalogue of {original: translation}."""
    count, texts, tables = len(messages), b"", []
    begin = 28 + 16 * count
    for column in (list(messages), list(messages.values())):
        for text in column:
            tables.append(struct.pack("<2I", len(text.encode()), begin + len(texts)))
            texts += text.encode() + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0) + b"".join(tables) + texts


def member(name, content):
    return (
        f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        + content
        + b"\n" * (len(content) % 2)
    )


@pytest.fixture
def folder(tmp_path):
    random, data = Random(0), io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as tar:
        for language, words in WORDS.items():
            content = catalogue({f"{number}": " ".join(random.choices(words, k=6)) for number in range(400)})
            entry = tarfile.TarInfo(f"./usr/share/locale/{language}/LC_MESSAGES/pictures.mo")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    parts = (("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar.xz", data.getvalue()))
    (tmp_path / "pictures_1.0_all.deb").write_bytes(b"!<arch>\n" + b"".join(member(*part) for part in parts))
    return tmp_path


def test_messages_of_a_package_are_read(folder):
    messages = [(locale, text) for _, locale, text in read_package(folder / "pictures_1.0_all.deb") if locale != "en"]
    assert len(messages) == 1600
    assert {word for locale, text in messages if locale == "de" for word in text.split()} == set(WORDS["de"])


def test_what_is_no_package_says_so(tmp_path):
    (tmp_path / "odd_1.deb").write_bytes(b"!<arch>\n" + member("debian-binary", b"2.0\n"))
    with pytest.raises(ValueError, match=r"odd_1\.deb is no Debian package; download it anew"):
        list(read_package(tmp_path / "odd_1.deb"))


def test_lingua_is_not_read_of_languages_that_a_script_tells_alone(folder):
    with zipfile.ZipFile(folder / "lingua_language_detector-1.3.5-py3-none-any.whl", "w") as wheel:
        wheel.writestr("lingua/language-models/ja/unigrams.json.br", b"its n-grams beyond single letters are not there")
    assert list(read_sources(folder)["Latn"]) == ["de", "fr"]


def test_one_run_makes_a_model_and_makes_it_the_same_again(folder, tmp_path):
    for name in ("model.npz", "again.npz"):
        write_model(folder, tmp_path / name)
    assert (tmp_path / "model.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()
    with np.load(tmp_path / "model.npz") as arrays:
        assert arrays["languages_Latn"].tolist() == ["de", "fr"]
        assert arrays["languages_Cyrl"].tolist() == ["ru", "uk"]
        for script, texts in (
            ("Latn", ("ein weißer hund", "le jardin blanc")),
            ("Cyrl", ("что на стуле", "що на стільці")),
        ):
            keys, weights = arrays[f"keys_{script}"], arrays[f"weights_{script}"]
            model = NgramModel(("", ""), slots_of(keys, 1 << 16), keys, weights, float(arrays[f"scale_{script}"]))
            evidence = model.sum_evidence(flatten(pa.array(texts, pa.large_string())), np.arange(2))
            assert evidence.argmax(axis=1).tolist() == [0, 1]
