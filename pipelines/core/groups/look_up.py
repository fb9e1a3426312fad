"""Looks rows up in tables of records that lie by partition: no worker holds a table, and no side input grows with one.

1. Ask. A bundle's buffer of batches is a group. The group waits, and the different keys of its rows go to the
   partitions that the tables' records of these keys are in.
2. Answer. A partition sends each group the records that it asked for.
3. Meet. A group's batches and the answers to it come together.

        batches of a buffer  A B C  ----------------------> group 7: A B C and the records of k1, k3
              |  keys                                          ^
              +--> k1 k2 --> partition 0 of the table  --------+ k1
              +--> k3 k4 --> partition 1 of the table  --------+ k3

One partition is few enough rows for a side input, which spares the two shuffles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup import DIGEST_RECORD, DigestIndex, pack_digest_records, unpack_digest_records
from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.groups.co_group import CoGroup
from babelsift.pipelines.core.groups.lowest_per_digest import Digest, split_sorted
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.shuffled_pieces import named_pieces, rejoined
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import RunnerError

BATCHES = "batches"  # the input that is looked up; the others are tables
_QUESTIONS, _ANSWERS, _ASKED = "questions", "answers", "asked"
_ANSWER_BYTES = 128  # of the records of one key in all tables
_QUESTION_BITS = 32  # of a partition's number, above them that of the question


class Answered(NamedTuple):
    """Batches, and what tables say of their rows.

    Attributes:
        batches: of one group.
        answers: table's name -> packed arrays with all of its records that any of the rows asked for, and perhaps more.
    """

    batches: Sequence[pa.RecordBatch]
    answers: Mapping[str, list[bytes]]


@dataclass
class LookUp(Transform):
    """Brings to batches the records of tables that their rows ask for.

    Input: {BATCHES: RecordBatches, table's name: its packed arrays of records, whose first 16 bytes are the key}; of
    several records of a key one is found. Output: `Answered`, whatever batches a group has.

    Attributes:
        keys: table's name -> (RecordBatch -> S16[n] or V16[n], what a row asks for); tables with the very same function
            are asked by one question.
        records: table's name -> the type of its records; those of DIGEST_RECORD are packed by `pack_digest_records`.
        partitions: ranges of keys; results do not depend on how many.
        flush_at_bytes: of batches in memory that make a group.
    """

    keys: Mapping[str, Digest]
    records: Mapping[str, np.dtype]
    partitions: int
    flush_at_bytes: int = 64 << 20

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection[Answered]:
        """Asks, answers and meets; or looks up in side inputs where one partition has all."""
        names = tuple(self.keys)
        if not names:
            return inputs[BATCHES] | "NoTables" >> beam.Map(unasked)
        if self.partitions == 1:
            whole = [beam.pvalue.AsList(inputs[name]) for name in names]
            return inputs[BATCHES] | "SideInputs" >> beam.Map(answered_by_side_inputs, names, *whole)
        questions = tuple({id(key): key for key in self.keys.values()}.values())
        ask = beam.ParDo(_Ask(questions, self.partitions, self.flush_at_bytes)).with_outputs(
            _QUESTIONS, _ASKED, main=BATCHES
        )
        asked = inputs[BATCHES] | "Ask" >> ask
        tables = {}
        for name in names:
            split = beam.FlatMap(split_table, questions.index(self.keys[name]), self.partitions, self.records[name])
            tables[name] = inputs[name] | f"Split_{name}" >> split.with_output_types(tuple[int, Packed])
        answer = beam.FlatMap(answers_of_partition, dict(self.records))
        answers = {_QUESTIONS: asked[_QUESTIONS], **tables} | "MeetTables" >> CoGroup() | "Answer" >> answer
        groups = {BATCHES: asked[BATCHES], _ASKED: asked[_ASKED], _ANSWERS: answers} | "MeetBatches" >> CoGroup()
        return groups | "Answered" >> beam.Map(answered_group, names)


def unasked(batch: pa.RecordBatch) -> Answered:
    """Returns a batch of which no table is asked."""
    return Answered([batch], {})


def answered_by_side_inputs(batch: pa.RecordBatch, names: Sequence[str], *tables: list[bytes]) -> Answered:
    """Returns a batch with whole tables, in the order of their names."""
    return Answered([batch], dict(zip(names, tables, strict=True)))


def split_table(packed: bytes, question: int, partitions: int, record: np.dtype) -> Iterator[tuple[int, bytes]]:
    """Yields (number of question and partition, its records) of a packed table's records in any order."""
    for partition, rows in split_by_key(_unpack(packed, record), partitions):
        yield question << _QUESTION_BITS | partition, _pack(rows)


def split_by_key(records: np.ndarray, partitions: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (partition of their keys, its records) of records in any order."""
    records = records[np.argsort(halves(keys_of(records))[0], kind="stable")]
    for partition, rows in split_sorted(keys_of(records), partitions):
        yield partition, records[rows]


def keys_of(records: np.ndarray) -> np.ndarray:
    """Returns V16[n], the keys of records: their first field, or records of 16 bytes themselves."""
    names = records.dtype.names
    return records if names is None else records[names[0]]


def one_a_key(packed: Iterable[bytes], record: np.dtype) -> np.ndarray:
    """Returns the records of packed arrays as one array, sorted by key, of several of a key the first."""
    records = np.concatenate([np.empty(0, record), *(_unpack(chunk, record) for chunk in packed)])
    high, low = halves(keys_of(records))
    order = np.lexsort((low, high))
    is_first = np.r_[True, (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)][: len(order)]
    return records[order[is_first]]


def answers_of_partition(
    partition: tuple[int, Mapping[str, list[Any]]], records: Mapping[str, np.dtype]
) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Yields (group, table's name -> its records that the group asks for) for each question that came to a partition.

    Without any record there is an answer, too: a group counts them.
    """
    _, together = partition
    tables = {name: one_a_key(together[name], record) for name, record in records.items() if together[name]}
    indices = {name: DigestIndex(keys_of(table)) for name, table in tables.items()}
    for group, packed in together[_QUESTIONS]:
        asked, answer = np.frombuffer(packed, "V16"), {}
        for name, table in tables.items():
            positions = indices[name].position_of(asked)
            if len(rows := positions[positions >= 0]):
                answer[name] = _pack(table[rows])
        yield int.from_bytes(group, "little", signed=True), answer


def answered_group(group: tuple[int, Mapping[str, list[Any]]], names: Sequence[str]) -> Answered:
    """Returns a group's batches with the answers to it.

    Raises:
        RunnerError: there are not as many answers as questions: the runner has done a part again, of other batches.
    """
    _, together = group
    asked = sum(int.from_bytes(count, "little") for count in together[_ASKED])
    if asked != len(together[_ANSWERS]):
        raise RunnerError(
            f"{len(together[_ANSWERS])} of {asked} answers came to a group of rows: the runner has grouped them "
            "otherwise meanwhile; run again"
        )
    return Answered(
        rejoined(together[BATCHES]),
        {name: [found[name] for found in together[_ANSWERS] if name in found] for name in names},
    )


def _pack(records: np.ndarray) -> bytes:
    return pack_digest_records(records) if records.dtype == DIGEST_RECORD else records.tobytes()


def _unpack(packed: bytes, record: np.dtype) -> np.ndarray:
    return unpack_digest_records(packed) if record == DIGEST_RECORD else np.frombuffer(packed, record)


class _Ask(BundleBuffer):
    """Makes a group of a buffer of batches; its number is that of its lowest uid."""

    def __init__(self, questions: Sequence[Digest], partitions: int, flush_at_bytes: int) -> None:
        super().__init__(flush_at_bytes)
        self._questions = tuple(questions)
        self._partitions = partitions

    def chunk_of(self, element: pa.RecordBatch, side_input: Any) -> pa.RecordBatch:
        return element

    def size_of(self, chunk: pa.RecordBatch, element: pa.RecordBatch) -> int:
        return element.nbytes

    def by_partition(self, chunks: Sequence[pa.RecordBatch]) -> Iterator[Any]:
        batches = [batch for batch in chunks if len(batch)]
        if not batches:
            return
        group = min(halves(uid_bytes(batch.column("uid")))[0].min() for batch in batches).view(np.int64)
        asked = 0
        for number, keys in enumerate(self._questions):
            for partition, rows in self._by_partition([keys(batch).view("V16") for batch in batches]):
                question = number << _QUESTION_BITS | partition, (group.tobytes(), rows.tobytes())
                yield beam.pvalue.TaggedOutput(_QUESTIONS, question)
                asked += 1
        yield beam.pvalue.TaggedOutput(_ASKED, (int(group), asked.to_bytes(8, "little")))
        for batch in batches:
            for piece in named_pieces(batch):
                yield int(group), piece

    def _by_partition(self, keys: Sequence[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
        """Yields (partition, its different keys); of a key that many rows have one is asked."""
        whole = np.concatenate(keys)
        whole = whole[np.argsort(halves(whole)[0], kind="stable")]
        high, low = halves(whole)
        whole = whole[np.r_[True, (np.diff(high) != 0) | (np.diff(low) != 0)]]
        for partition, rows in split_sorted(whole, self._partitions, row_bytes=_ANSWER_BYTES):
            yield partition, whole[rows]
