from dataclasses import dataclass, replace

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to, is_empty
from apache_beam.typehints import Tuple

from babelsift.pipelines.core.transform import Transform, empty_collection, single_element


@dataclass
class Add(Transform):
    number: int
    ready: bool = False

    def __post_init__(self):
        super().__post_init__()
        self.ready = True

    def expand(self, numbers):
        return numbers | beam.Map(lambda number: number + self.number)


def test_a_transform_is_a_dataclass_that_beam_can_apply_with_a_label():
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        numbers = pipeline | beam.Create([1, 2], reshuffle=False)
        added = numbers | "AddTwo" >> replace(Add(3), number=2) | Add(10)
        assert_that(added, equal_to([13, 14]))
    assert Add(3).ready


def test_collections_of_nothing_and_of_one():
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        numbers = pipeline | beam.Create([1, 2], reshuffle=False)
        empty = empty_collection(numbers, "Empty", tuple[str, bytes])
        assert empty.element_type == Tuple[str, bytes]
        assert_that(empty, is_empty(), label="NoElement")
        assert_that(single_element(numbers, "Single", {"a": 1}), equal_to([{"a": 1}]), label="OneElement")


@dataclass
class Partitioned(Transform):
    partitions: int


def test_less_than_one_partition_is_an_error_where_it_is_said():
    with pytest.raises(ValueError, match="partitions should be at least 1, found 0"):
        Partitioned(0)
