"""Runs in datatrove's environment: CAPTIONS MODEL RUNS -> one line of JSON, seconds of each run of the filters."""

import json
import sys
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter, LambdaFilter, LanguageFilter
from fasttext.FastText import _FastText


def filters(model: str) -> list:
    language = LanguageFilter(label_only=True)
    language.model._model = _FastText(model)  # noqa: SLF001 (it downloads its own otherwise)
    language.model.k = 1
    off = dict.fromkeys(("dup_line_frac", "dup_para_frac", "dup_line_char_frac", "dup_para_char_frac"))
    return [
        LambdaFilter(lambda document: len(document.text) >= 5),
        GopherQualityFilter(
            min_doc_words=2, max_doc_words=None, min_avg_word_length=None, max_avg_word_length=None,
            max_symbol_word_ratio=None, max_bullet_lines_ratio=None, max_ellipsis_lines_ratio=None,
            max_non_alpha_words_ratio=0.3, min_stop_words=None,
        ),
        GopherRepetitionFilter(**off, top_n_grams=(), dup_n_grams=((1, 0.5),)),
        language,
    ]  # fmt: skip


def main(captions: str, model: str, runs: str) -> None:
    texts = json.loads(Path(captions).read_text(encoding="utf-8"))
    seconds = []
    for _ in range(int(runs) + 1):
        documents = (Document(text=text, id=str(number)) for number, text in enumerate(texts))
        steps = filters(model)
        started = time.perf_counter()
        for step in steps:
            documents = step.run(documents)
        kept = sum(1 for _ in documents)
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds[1:], "kept": kept}))


if __name__ == "__main__":
    main(*sys.argv[1:])
