"""Which images are blurred until asked: the same as in a report."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.explorer.answers import tiles_of
from babelsift.pipelines.explorer.session import load_session
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import LEDGER_SCHEMA, Funnel


@pytest.mark.parametrize(
    ("column", "values", "veiled"),
    [
        ("nsfw", [0.9, 0.1, None], [True, False, False]),
        ("NSFW", ["UNLIKELY", "NSFW", "UNSURE"], [False, True, True]),
        ("is_unsafe", [True, False, None], [True, False, False]),
    ],
)
@pytest.mark.parametrize(("reason", "threshold"), [("condition_not_met", "{} <= 0.5"), ("{}_not_met", None)])
def test_what_is_veiled(tmp_path, column, values, veiled, reason, threshold):
    folder = RunFolder(str(tmp_path / "run"))
    row = {"source_file": "a", "source_row": 0, "language": "en", "url": "http://e.org/1", "caption": "a"}
    kept = [{**row, "key": f"{n}", "uid": f"{n:032x}", column: said} for n, said in enumerate(values)]
    asked = None if threshold is None else threshold.format(column)
    gone = {**row, "uid": "f" * 32, "stage": "select", "reason": reason.format(column), "threshold": asked}
    named = {**row, "uid": "e" * 32, "stage": "rules", "reason": "too_few_words", "value": "1", "caption": "porn"}
    ledger = pa.Table.from_pylist([gone, named], schema=pa.schema([f.with_nullable(True) for f in LEDGER_SCHEMA]))
    for name, table in {"shards/00000000": pa.Table.from_pylist(kept), "rejects/00000": ledger}.items():
        with folder.writing(f"{name}.parquet") as file:
            pq.write_table(table, file)
    folder.write_json("funnel.json", Funnel.from_counts({("read", "in", ""): 5, ("read", "out", ""): 5}).to_json())
    session = load_session([folder.url], str(tmp_path / "labels.csv"))
    shown = tiles_of(session.runs[0], session, [0, 1, 2, 3, 4])
    assert [tile["veiled"] for tile in shown] == [*veiled, True, True]
