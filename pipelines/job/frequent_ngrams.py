"""The most frequent n-grams of all captions, as a file that `captions.vocabulary.file` takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import fsspec
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.filters.counting import count_ngrams, most_frequent
from babelsift.filters.uids import digests
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.runners.run_job import check_runner, run_job
from babelsift.pipelines.core.shuffled_pieces import entry_pieces
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.slices import InputPlan
from babelsift.pipelines.stages.read import ReadPairs


@dataclass
class FrequentNgrams(Transform):
    """Finds the most frequent unigrams and bigrams of all captions.

    Input: RecordBatches with caption. Output: one list of (n-gram, count), most frequent first.

    Attributes:
        most: how many n-grams are returned at most.
        bigrams: whether bigrams are counted, too.
        partitions: into how many partitions the n-grams are split; results do not depend on it.
    """

    most: int
    bigrams: bool = True
    partitions: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.most, self.partitions) < 1:
            raise ValueError(f"most and partitions should be at least 1, found {self.most} and {self.partitions}")

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[list]:
        """Counts in the bundle, then a partition, then takes the most frequent of all."""
        counted = batches | "Count" >> beam.ParDo(_Count(self.bigrams, self.partitions)).with_output_types(
            tuple[int, dict]
        )
        return (
            counted
            | "Add" >> beam.CombinePerKey(add_counts)
            | "DropPartition" >> beam.Values()
            | "OfPartition" >> beam.Map(lambda counts, most: most_frequent(Counter(counts), most), self.most)
            | "Together" >> beam.CombineGlobally(merge_most_frequent, most=self.most)
        )


def add_counts(counters: Iterable[dict]) -> dict:
    """Returns the sums of several counts."""
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return dict(total)


def merge_most_frequent(partitions: Iterable[list], most: int) -> list:
    """Returns the `most` most frequent n-grams of partitions that share none."""
    return most_frequent(Counter(dict(entry for partition in partitions for entry in partition)), most)


def write_vocabulary(ngrams: list[tuple[str, int]], path: str) -> str:
    """Writes one n-gram a line, its count after a tab, and returns the path."""
    with fsspec.open(path, "wt", encoding="utf-8", newline="\n", compression="infer") as file:
        file.writelines(f"{ngram}\t{count}\n" for ngram, count in ngrams)
    return path


def write_frequent_ngrams(
    inputs: Sequence[str],
    output: str,
    *,
    most: int,
    caption_column: str | None = None,
    options: PipelineOptions | None = None,
) -> None:
    """Writes the most frequent n-grams of the input's captions into a file.

    Args:
        inputs: globs of tables, any fsspec URL.
        output: the file to write, any fsspec URL; its extension decides the compression.
        most: how many n-grams are written at most, >= 1.
        caption_column: the captions' column; None: the first usual name that the input has.
        options: Beam's; None: Beam's in-process runner.

    Raises:
        InputError: the input has no such files or columns.
    """
    options = options or PipelineOptions([])
    check_runner(options)
    plan = plan_input(inputs, caption_column=caption_column)
    run_job(_WriteFrequentNgrams(plan, most, output), "FrequentNgrams", options)


@dataclass
class _WriteFrequentNgrams(Transform):
    plan: InputPlan
    most: int
    output: str

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[str]:
        frequent = (pbegin | "Read" >> ReadPairs(self.plan)).kept | "Find" >> FrequentNgrams(self.most)
        return frequent | "Write" >> beam.Map(write_vocabulary, self.output)


class _Count(BundleBuffer):
    """Counts n-grams within a bundle; its size is the number of n-grams, as captions may have any number of them."""

    def __init__(self, bigrams: bool, partitions: int) -> None:
        super().__init__(flush_at=500_000)
        self._bigrams = bigrams
        self._partitions = partitions

    def chunk_of(self, element: pa.RecordBatch, side_input: None) -> dict[str, int]:
        return count_ngrams(element.column("caption"), bigrams=self._bigrams)

    def size_of(self, chunk: dict[str, int], element: pa.RecordBatch) -> int:
        return len(chunk)

    def by_partition(self, chunks: Sequence[dict[str, int]]) -> Iterator[tuple[int, dict[str, int]]]:
        counts = add_counts(chunks)
        of_partition: dict[int, dict[str, int]] = {}
        drawn = digests(pa.array(list(counts), pa.string())).view("V16").view("<u4").reshape(-1, 4)[:, 0]
        for partition, (ngram, count) in zip(drawn % self._partitions, counts.items(), strict=True):
            of_partition.setdefault(int(partition), {})[ngram] = count
        for number, entries in of_partition.items():
            for piece in entry_pieces(entries):
                yield number, piece
