"""What a DoFn emits when its bundle ends."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue


def at_bundle_end(output: Any) -> Any:
    """Returns an output as `finish_bundle` has to emit it: in the global window, which is the only one in a batch job.

    Args:
        output: a value, or one with a tag.
    """
    if isinstance(output, beam.pvalue.TaggedOutput):
        return beam.pvalue.TaggedOutput(output.tag, at_bundle_end(output.value))
    window = GlobalWindow()
    return WindowedValue(output, window.max_timestamp(), (window,))
