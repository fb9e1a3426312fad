"""What every transform of the pipeline is: a dataclass of its settings. And the smallest collections that they need."""

from __future__ import annotations

from typing import Any

import apache_beam as beam


class Transform(beam.PTransform):
    """A PTransform whose fields are its settings: subclasses are dataclasses.

    A dataclass calls no `__init__` of what it derives from; one that has a `__post_init__` of its own calls this one.

    Raises:
        ValueError: a field `partitions` is below 1.
    """

    def __post_init__(self) -> None:
        super().__init__()
        if (partitions := getattr(self, "partitions", 1)) < 1:
            raise ValueError(f"partitions should be at least 1, found {partitions}")


def empty_collection(beside: beam.PCollection, label: str, element_type: Any) -> beam.PCollection:
    """Returns a collection without elements, for what the settings switch off.

    Args:
        beside: any collection of the same pipeline.
        label: of the step.
        element_type: as whose coder it is encoded.
    """
    return beside.pipeline | label >> beam.Create([], reshuffle=False).with_output_types(element_type)


def single_element(beside: beam.PCollection, label: str, value: Any) -> beam.PCollection:
    """Returns a collection of one element: what a step starts from that runs once, or a side input with nothing in it.

    Args:
        beside: any collection of the same pipeline.
        label: of the step.
        value: the element.
    """
    return beside.pipeline | label >> beam.Create([value], reshuffle=False)
