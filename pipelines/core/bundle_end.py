"""What a DoFn emits when its bundle ends."""

from __future__ import annotations

from typing import Any

from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue


def at_bundle_end(value: Any) -> WindowedValue:
    """Returns a value as `finish_bundle` has to emit it: in the global window, which is the only one in a batch job."""
    window = GlobalWindow()
    return WindowedValue(value, window.max_timestamp(), (window,))
