"""Reads how often words are used: lingua's n-grams, of which words are drawn, wordfreq's and tesseract's lists."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np

_ORDERS = ("unigrams", "bigrams", "trigrams", "quadrigrams", "fivegrams")
_LONGEST_WORD = 24


class WordModel:
    """Draws words as a language's five-gram model has them.

    lingua stores how often each n-gram of letters within words follows its first n - 1 letters. What is missing to one
    is how often a word ends there, and what no longer n-gram precedes is a word's beginning. So words of up to four
    letters come as often as they were counted, longer ones as a chain of five-grams makes them.
    """

    def __init__(self, folder: Path) -> None:
        """Reads a language's folder of lingua's models.

        Args:
            folder: with unigrams.json.br to fivegrams.json.br.
        """
        import brotli

        counts: dict[str, float] = {"": 1.0}
        for order in _ORDERS:
            content = json.loads(brotli.decompress((folder / f"{order}.json.br").read_bytes()))
            for fraction, ngrams in content["ngrams"].items():
                share = float(Fraction(fraction))
                for ngram in ngrams.split(" "):
                    counts[ngram] = share * counts.get(ngram[:-1], 0.0)
        starts = dict(counts)
        for ngram, count in counts.items():
            if len(ngram) > 1:
                starts[ngram[1:]] = starts.get(ngram[1:], 0.0) - count
        # By prefix: a word's first letters up to four, then any four letters within it.
        self._first = self._successors(
            {ngram: max(starts[ngram], 0.0) for ngram in starts if 0 < len(ngram) < 5}, starts
        )
        self._next = self._successors({ngram: counts[ngram] for ngram in counts if len(ngram) == 5}, counts)

    @staticmethod
    def _successors(ngrams: dict[str, float], totals: dict[str, float]) -> dict[str, tuple[str, np.ndarray]]:
        by_prefix = defaultdict(list)
        for ngram, count in ngrams.items():
            if count > 0:
                by_prefix[ngram[:-1]].append((ngram[-1], count))
        successors = {}
        for prefix, found in by_prefix.items():
            total = (
                max(totals.get(prefix, 0.0), sum(count for _, count in found)) if prefix else sum(c for _, c in found)
            )
            letters = "".join(letter for letter, _ in found)
            successors[prefix] = letters, np.cumsum([count for _, count in found]) / total
        return successors

    def draw(self, count: int, random: np.random.Generator) -> list[str]:
        """Returns words.

        Args:
            count: how many.
            random: decides.
        """
        words = []
        for _ in range(count):
            word, chances = "", random.random(_LONGEST_WORD)
            while len(word) < _LONGEST_WORD:
                letters, shares = (self._first if len(word) < 4 else self._next).get(word[-4:], ("", _NONE))
                at = int(np.searchsorted(shares, chances[len(word)], side="right"))
                if at == len(letters):
                    break
                word += letters[at]
            words.append(word)
        return words


_NONE = np.empty(0)


def read_wordfreq(content: bytes) -> dict[str, float]:
    """Returns {word: its share of all words} of one of wordfreq's lists: words by hundredths of a decade.

    Args:
        content: of a list such as large_en.msgpack.gz, unpacked.
    """
    import msgpack

    _, *buckets = msgpack.loads(content)
    return {word: 10 ** (-index / 100) for index, bucket in enumerate(buckets) for word in bucket}


def read_tesseract(package: Path) -> list[str]:
    """Returns the words of a language's dictionary for tesseract.

    Args:
        package: tesseract-ocr-XXX.deb. Needs `combine_tessdata` and `dawg2wordlist`, of the package tesseract-ocr.
    """
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(["dpkg-deb", "-x", package, home], check=True)
        trained = next(Path(home).rglob("*.traineddata"))
        subprocess.run(["combine_tessdata", "-u", trained, f"{home}/x."], check=True, capture_output=True)
        dawg, characters, words = (Path(home) / f"x.{name}" for name in ("lstm-word-dawg", "lstm-unicharset", "words"))
        if not dawg.exists():
            return []
        subprocess.run(["dawg2wordlist", characters, dawg, words], check=True, capture_output=True)
        return words.read_text(encoding="utf-8").splitlines()
