import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.pipelines.core.timers import inc_timer_msec
from babelsift.schemas import Stage


class Timed(beam.DoFn):
    def process(self, element):
        seconds = iter([10.0, 10.0 + element])
        with inc_timer_msec(Stage.RULES, "filter", clock=lambda: next(seconds)):
            yield element


def test_a_blocks_milliseconds_are_added_up_under_the_stage():
    pipeline = beam.Pipeline(runner=FnApiRunner())
    _ = pipeline | beam.Create([0.25, 1.5], reshuffle=False) | beam.ParDo(Timed())
    result = pipeline.run()
    result.wait_until_finish()
    counters = {
        str(c.key.metric.namespace) + "." + c.key.metric.name: c.result for c in result.metrics().query()["counters"]
    }
    assert counters == {"rules.filter_msec": 1750}


def test_an_error_in_the_block_is_passed_on():
    with pytest.raises(ZeroDivisionError), inc_timer_msec(Stage.RULES, "filter"):
        raise ZeroDivisionError
