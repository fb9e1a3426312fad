import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from babelsift.pipelines.stages.dedup.removal_rates import RemovalWarnings, add_tallies, is_out_of_bounds, tallies
from babelsift.schemas import Stage
from babelsift.schemas.recipe import DedupImagesSettings, DedupSemanticSettings


def pairs(rows, host, language="en"):
    urls = [f"http://{host}/{row}.jpg" for row in range(rows)]
    return pa.RecordBatch.from_pydict({"url": urls, "language": [language] * rows})


@pytest.mark.parametrize(
    ("rows", "removed", "out"), [(100, 51, True), (100, 50, False), (99, 99, False), (100, 4, True), (100, 5, False)]
)
def test_the_bounds(rows, removed, out):
    settings = DedupImagesSettings(min_removal_rate=0.05, max_removal_rate=0.5)
    assert is_out_of_bounds(("host a", (rows, removed)), settings, min_rows=100) == out
    assert not is_out_of_bounds(("host a", (rows, removed)), DedupImagesSettings(max_removal_rate=None), min_rows=100)


def test_tallies_add_up_and_pass_over_what_has_no_host():
    batch = pa.RecordBatch.from_pydict({"url": ["http://A.org/1", "no url", None], "language": ["en", "en", None]})
    assert dict(tallies(batch, True)) == {"host a.org": (1, 1), "language en": (2, 2)}
    assert add_tallies([(3, 1), (4, 0)]) == (7, 1)


@pytest.mark.parametrize(
    ("stage", "bounds", "name"),
    [
        (Stage.DEDUP_IMAGES, DedupImagesSettings(), "Image dedup"),
        (Stage.DEDUP_SEMANTIC, DedupSemanticSettings(), "Semantic dedup"),
    ],
)
def test_hosts_and_languages_that_lost_too_much_are_named(stage, bounds, name):
    kept = [pairs(300, "fine.org", "de"), pairs(20, "bad.org")]
    rejected = [pairs(30, "fine.org", "de"), pairs(90, "bad.org"), pairs(90, "bad.org"), pairs(50, "small.org", "fr")]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        inputs = {
            side: pipeline | side >> beam.Create(batches, reshuffle=False).with_output_types(pa.RecordBatch)
            for side, batches in {"kept": kept, "rejected": rejected}.items()
        }
        said = inputs | RemovalWarnings(stage, bounds)
        start = f"{name} removed 90.0% of the 200 pairs of "
        end = ", where 0% to 50% were expected: look at its clusters in duplicates.parquet."
        assert_that(said, equal_to([[f"{start}host bad.org{end}", f"{start}language en{end}"]]))
