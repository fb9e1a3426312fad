import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to

from babelsift.pipelines.stages.report.misread_languages import MisreadLanguageWarnings


def ledger(rows):
    """Returns the columns of a ledger batch that are looked at, given (caption, language, reason)."""
    captions, languages, reasons = zip(*rows, strict=True)
    return pa.record_batch(
        {
            "caption": pa.array(captions, pa.string()),
            "language": pa.array(languages, pa.string()),
            "reason": pa.array(reasons, pa.string()),
        }
    )


def warned(batches, counts):
    with TestPipeline("FnApiRunner") as pipeline:
        rejected = pipeline | "Rejected" >> beam.Create(batches)
        single = pipeline | "Counts" >> beam.Create([counts])
        found = {"rejected": rejected, "counts": single} | MisreadLanguageWarnings()
        yield found


SHORT = ("Timmy & Tommy die cut", "de", "language_not_kept")
OTHERS = [
    ("ein schwarzer Hund im tiefen Schnee heute", "de", "language_not_kept"),  # long
    ("Hündchen", "de", "language_not_kept"),  # not ASCII
    ("IMG", "und", "language_not_kept"),  # nothing was told
    ("die cut", "de", "language_score_too_low"),
    ("die cut", None, "too_few_words"),
    (None, "de", "language_not_kept"),
]


@pytest.mark.parametrize(
    ("short", "reached", "is_said"), [(100, 5000, True), (99, 5000, False), (100, 10_000, True), (100, 10_001, False)]
)
def test_many_short_ascii_captions_that_are_left_out_by_language_are_said(short, reached, is_said):
    italian = ("Tamron 90mm f/2.8", "it", "language_not_kept")
    batches = [ledger([SHORT] * (short - 10) + OTHERS * 20), ledger([italian] * 10)]
    counts = {("language", "in", ""): reached - 5, ("language", "in", "de"): 5, ("rules", "in", ""): 10 * reached}
    sentence = (
        f"{short} captions of at most 5 words in plain ASCII letters were left out by their language "
        f"(de {short - 10}, it 10): many of them may be names or English; look at them in rejects/."
    )
    for found in warned(batches, counts):
        assert_that(found, equal_to([[sentence]] if is_said else []))
