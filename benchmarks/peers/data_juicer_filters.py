"""Runs in Data-Juicer's environment: CAPTIONS MODEL RUNS -> one line of JSON, seconds of each run of the filters."""

import json
import sys
import time
from pathlib import Path

from data_juicer.core.data import NestedDataset
from data_juicer.ops.filter.alphanumeric_filter import AlphanumericFilter
from data_juicer.ops.filter.language_id_score_filter import LanguageIDScoreFilter
from data_juicer.ops.filter.text_length_filter import TextLengthFilter
from data_juicer.ops.filter.word_repetition_filter import WordRepetitionFilter
from data_juicer.ops.filter.words_num_filter import WordsNumFilter
from data_juicer.utils import model_utils
from data_juicer.utils.constant import Fields

BATCH = 1000


def filters(model: str) -> list:
    model_utils.check_model = lambda *args, **kwargs: model
    return [
        TextLengthFilter(min_len=5),
        WordsNumFilter(min_num=2),
        AlphanumericFilter(min_ratio=0.5),
        WordRepetitionFilter(rep_len=1, max_ratio=0.5),
        LanguageIDScoreFilter(min_score=0.0),
    ]


def main(captions: str, model: str, runs: str) -> None:
    texts = json.loads(Path(captions).read_text(encoding="utf-8"))
    seconds, bare_seconds = [], []
    for _ in range(int(runs) + 1):
        dataset = NestedDataset.from_list([{"text": text} for text in texts])
        steps = filters(model)
        started = time.perf_counter()
        for step in steps:
            dataset = step.run(dataset)
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
        kept = sum(kept_of(texts[start : start + BATCH], steps) for start in range(0, len(texts), BATCH))
        bare_seconds.append(time.perf_counter() - started)
        if kept != len(dataset):
            raise AssertionError(f"{len(dataset)} captions kept by the dataset, {kept} by the operators alone")
    print(json.dumps({"seconds": seconds[1:], "bare_seconds": bare_seconds[1:], "kept": kept}))


def kept_of(texts: list, steps: list) -> int:
    """The operators called batch by batch, without the dataset around them: what no user does."""
    for step in steps:
        batch = {"text": texts, Fields.stats: [{} for _ in texts], Fields.context: [{} for _ in texts]}
        batch = step.compute_stats_batched(batch)
        texts = [text for text, keep in zip(texts, step.process_batched(batch), strict=True) if keep]
    return len(texts)


if __name__ == "__main__":
    main(*sys.argv[1:])
