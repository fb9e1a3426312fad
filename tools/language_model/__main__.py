"""Makes filters/language/ngrams.npz: downloads packages into a folder, and learns from them.

`python -m tools.language_model FOLDER`, seven minutes of CPU and 6 GB of memory; equal packages give equal bytes. What
comes to lie in FOLDER, and under which licences it is, is in docs/language.md. Needs brotli and msgpack, and the
commands of Debian's packages apt, npm and tesseract-ocr.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from babelsift.filters.language.ngram_model import MODEL_FILE
from tools.language_model.examples import Source, Vocabulary, draw_examples
from tools.language_model.languages import examples_of
from tools.language_model.packages import fetch_packages
from tools.language_model.sources import read_sources
from tools.language_model.training import choose_features, learn, rows_of_words

# How many n-grams and words are known of each script.
_FEATURES = {"Latn": 160_000, "Cyrl": 45_000, "Arab": 30_000, "Deva": 24_000}
_RATES = (0.3, 0.2, 0.1)
_FEWEST_EXAMPLES = 2_500
_CLIPPED, _LARGEST = 0.9995, 127


def main() -> None:
    """Downloads the packages, and writes the model that ships."""
    folder = Path(sys.argv[1])
    fetch_packages(folder)
    write_model(folder, MODEL_FILE)


def write_model(folder: Path, output: Path) -> None:
    """Writes a model of what the packages in a folder hold.

    Args:
        folder: as `fetch_packages` leaves it.
        output: the file, .npz.
    """
    arrays: dict[str, np.ndarray] = {}
    for script, sources in read_sources(folder).items():
        if not sources:
            continue
        keys, weights = _learn_script(sources, _FEATURES[script])
        scale = float(np.quantile(np.abs(weights), _CLIPPED)) / _LARGEST
        arrays[f"languages_{script}"] = np.array(list(sources))
        arrays[f"keys_{script}"] = keys
        arrays[f"weights_{script}"] = np.clip(np.rint(weights / scale), -_LARGEST, _LARGEST).astype(np.int8)
        arrays[f"scale_{script}"] = np.float32(scale)
    np.savez_compressed(output, **arrays)


def _learn_script(sources: dict[str, Source], features: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (uint32[f] keys, float32[f, languages] weights)."""
    random, vocabulary = np.random.default_rng(7), Vocabulary()
    examples = draw_examples(sources, {name: _examples_of(name, sources[name]) for name in sources}, vocabulary, random)
    words = vocabulary.code_points()
    label_of_word = np.repeat(examples.labels, np.diff(examples.starts))
    uses = (np.bincount(examples.words[label_of_word == label]) for label in range(len(sources)))
    keys = choose_features(words, uses, features)
    known = rows_of_words(words, keys)
    weights = np.zeros((len(keys), len(sources)), np.float32)
    squares, order = np.full_like(weights, 0.1), np.arange(len(examples.labels))
    for rate in _RATES:
        random.shuffle(order)
        loss = learn((examples.words, examples.starts, examples.labels, order), known, weights, squares, rate)
        print(f"{len(sources)} languages, rate {rate}: mean loss {loss:.3f}")
    return keys, weights


def _examples_of(language: str, source: Source) -> int:
    wanted = examples_of(language)
    return wanted if source.bags else min(wanted, max(_FEWEST_EXAMPLES, len(source.texts)))


if __name__ == "__main__":
    main()
