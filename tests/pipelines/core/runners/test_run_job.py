import argparse

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, TypeOptions

from babelsift.pipelines.core.runners.run_job import OptionsViewedOnce, run_job


class Steps(beam.PTransform):
    """Many steps, of which the last one writes what comes out of them."""

    def __init__(self, target):
        super().__init__()
        self._target = target

    def expand(self, pbegin):
        numbers = pbegin | beam.Create([1, 2])
        for step in range(20):
            numbers |= f"Add{step}" >> beam.Map(add, 1)
        return numbers | "Sum" >> beam.CombineGlobally(sum) | "Write" >> beam.Map(write, str(self._target))


def add(number, more):
    return number + more


def write(number, target):
    with open(target, "w") as file:
        file.write(str(number))


@pytest.fixture
def parsed(monkeypatch):
    """The parsers of options that were used, one a view that Beam makes."""
    parsers = []
    parse = argparse.ArgumentParser.parse_known_args

    def counted(parser, *arguments, **named):
        parsers.append(parser)
        return parse(parser, *arguments, **named)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", counted)
    return parsers


def test_a_job_makes_a_view_of_its_options_once(tmp_path, parsed):
    run_job(Steps(tmp_path / "sum"), "Steps", PipelineOptions([]))
    assert (tmp_path / "sum").read_text() == "43"
    assert len(parsed) < 40  # without the views that are kept there are more than a hundred, for twenty steps


def test_views_share_their_values():
    options = PipelineOptions(["--runner", "FlinkRunner", "--no_pipeline_type_check"])
    once = options.view_as(OptionsViewedOnce)
    assert once.view_as(StandardOptions) is once.view_as(StandardOptions)
    assert once.view_as(StandardOptions).runner == "FlinkRunner"
    assert not once.view_as(TypeOptions).pipeline_type_check
    once.view_as(StandardOptions).runner = "SparkRunner"
    options.view_as(TypeOptions).runtime_type_check = True
    assert options.view_as(StandardOptions).runner == "SparkRunner"
    assert once.view_as(TypeOptions).runtime_type_check
    assert once.get_all_options() == options.get_all_options()
