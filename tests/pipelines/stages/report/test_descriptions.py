import pickle

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.pipelines.stages.report.descriptions import DescribeRows, Descriptions
from babelsift.schemas import CAPTION_CHANGES, Stage, ledger_rows


def rejected(batch, stage, reason, value=None):
    rows = len(batch)
    values, nothing = [value] * rows, [None] * rows
    return ledger_rows(batch, stage=stage, reasons=[reason] * rows, values=values, thresholds=nothing)


@pytest.fixture
def described(language_rows, image_rows, tmp_path):
    """described(split) -> Descriptions of a small run, each of its collections in batches of so many rows."""
    language = language_rows(4, language=["en", "en", "de", "en"], caption=["abc", "abcd", "abcd", "one two"])
    language = language.append_column(CAPTION_CHANGES, pa.array([None, "markup", "markup,urls", None]))
    left_out = language_rows(2, 4, language=["fi", "sv"], caption=["a", "b"])
    gone = language_rows(3, 6, url=["http://a.com/1", "http://b.a.com/2", "http://c.org/3"])
    images = image_rows(
        2, url=["http://a.com/8", "http://c.org/9"], original_width=[100, 300], original_height=[50, 300]
    )
    collections = {
        "language": [language],
        "download": [images],
        "kept": [images.slice(1)],
        "rejected": [
            rejected(left_out, Stage.LANGUAGE, "language_not_kept", "fi 0.75"),
            rejected(gone.slice(0, 2), Stage.DOWNLOAD, "http_status", "404"),
            rejected(gone.slice(2), Stage.DOWNLOAD, "timeout", "total, 4 s"),
        ],
    }

    def describe(split, rows=3):
        file = tmp_path / "descriptions"
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            inputs = {
                name: pipeline
                | name
                >> beam.Create(
                    [batch.slice(start, split) for batch in batches for start in range(0, len(batch), split)],
                    reshuffle=False,
                ).with_output_types(pa.RecordBatch)
                for name, batches in collections.items()
            }
            _ = inputs | DescribeRows(rows) | beam.Map(lambda found: file.write_bytes(pickle.dumps(found)) and None)
        return pickle.loads(file.read_bytes())

    return describe


def counts(table):
    return {(row["language"], row["value"]): row["rows"] for row in table.to_pylist()}


def test_measures_are_counted_by_language_those_of_left_out_captions_too(described):
    measures = described(2).measures
    assert counts(measures["caption length, characters"]) == {
        **{("en", 3.0): 1, ("en", 4.0): 1, ("de", 4.0): 1, ("en", 7.0): 1},
        **{("fi", 1.0): 1, ("sv", 1.0): 1},
    }
    assert counts(measures["language score"]).items() >= {("fi", 0.75): 1, ("sv", 0.75): 1}.items()
    assert {value for _, value in counts(measures["shorter side, px"])} == {50.0, 300.0}
    assert {value for _, value in counts(measures["aspect ratio, longer side to shorter"])} == {2.0, 1.0}


def test_urls_are_counted_by_host_and_outcome_and_edits_by_name(described):
    found = described(2)
    assert (found.hosts.domain_count, found.hosts.host_count) == (2, 3)
    outcomes = {row["outcome"]: row["rows"] for row in found.hosts.outcomes.to_pylist()}
    assert outcomes == {"downloaded": 2, "http_status 404": 2, "timeout": 1, "kept": 1}
    assert [(row["outcome"], row["host"]) for row in found.hosts.failing_hosts.to_pylist()] == [
        ("http_status 404", "a.com"),
        ("http_status 404", "b.a.com"),
        ("timeout", "c.org"),
    ]
    assert found.edits == {"markup": 2, "urls": 1}


def test_what_is_counted_depends_on_no_batching_and_no_partitions(described):
    once, others = described(100), [described(1), described(2, rows=5_000_000)]
    assert [_plain(other) for other in others] == [_plain(once)] * 2


def _plain(descriptions: Descriptions):
    measures = {name: table.to_pylist() for name, table in descriptions.measures.items()}
    hosts = descriptions.hosts
    tables = [table.to_pylist() for table in (hosts.domains, hosts.failing_hosts, hosts.outcomes)]
    return measures, tables, hosts.domain_count, hosts.host_count, descriptions.edits
