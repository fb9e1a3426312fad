import pyarrow as pa
import pytest

from babelsift.pipelines.demo.truth import compare, format_table
from babelsift.pipelines.demo.web import Kind
from babelsift.schemas import AccountingError

# (kind, cluster, reason or None where kept), a row each
CASE = [
    ("good", 0, None),
    ("good", 1, "near_duplicate_image"),  # its copy survives
    ("near_duplicate", 1, None),
    ("good", 2, None),  # its copy survives too: neither is right
    ("exact_duplicate", 2, None),
    ("good", 3, "timeout"),  # lost
    ("good_after_retry", 4, None),
    ("mismatched", 5, "similarity_too_low"),
    ("mismatched", 6, "similarity_too_low"),
    ("mismatched", 7, "language_not_kept"),
    ("mismatched", 8, None),  # should not be
]


def tables(case):
    truth = {
        "source_row": list(range(len(case))),
        "kind": [kind for kind, _, _ in case],
        "cluster": [cluster for _, cluster, _ in case],
    }
    kept = [row for row, (_, _, reason) in enumerate(case) if reason is None]
    rejected = [(row, reason) for row, (_, _, reason) in enumerate(case) if reason is not None]
    return (
        pa.table(truth),
        pa.table({"source_row": pa.array(kept[::-1], pa.int64())}),
        pa.table(
            {
                "source_row": pa.array([row for row, _ in rejected], pa.int64()),
                "reason": pa.array([reason for _, reason in rejected], pa.string()),
            }
        ),
    )


def test_clusters_are_judged_by_their_survivors():
    table = compare(*tables(CASE))
    assert (table.kept, table.scenes, table.right, table.doubled, table.lost) == (6, 5, 3, 1, 1)
    assert table.precision == 3 / 6
    assert table.recall == 3 / 5


def test_kinds_are_accounted_for():
    kinds = {kind.kind: kind for kind in compare(*tables(CASE)).kinds}
    assert set(kinds) == set(Kind)
    good, mismatched = kinds[Kind.GOOD], kinds[Kind.MISMATCHED]
    assert (good.rows, good.kept, good.left_out, good.as_expected) == (4, 2, 2, 2)
    assert (mismatched.rows, mismatched.kept, mismatched.left_out, mismatched.as_expected) == (4, 1, 3, 3)
    assert list(mismatched.reasons.items()) == [("similarity_too_low", 2), ("language_not_kept", 1)]
    assert kinds[Kind.NEAR_DUPLICATE].as_expected == 1
    assert kinds[Kind.EXACT_DUPLICATE].as_expected == 0


def test_any_member_of_a_cluster_may_survive():
    for survivor in range(3):
        case = [("good", 0, "duplicate_image")] * 3
        case[1] = ("near_duplicate", 0, "duplicate_image")
        case[survivor] = (case[survivor][0], 0, None)
        table = compare(*tables(case))
        assert (table.precision, table.recall) == (1.0, 1.0)
        assert all(kind.as_expected == kind.rows for kind in table.kinds)


def test_nothing_kept_is_precise_and_useless():
    table = compare(*tables([("good", 0, "timeout")]))
    assert (table.precision, table.recall) == (1.0, 0.0)


@pytest.mark.parametrize("lost", [0, 7])
def test_a_row_without_a_fate_is_an_error(lost):
    truth, kept, rejected = tables(CASE)
    kept, rejected = (
        table.filter(pa.array([row != lost for row in table["source_row"].to_pylist()])) for table in (kept, rejected)
    )
    with pytest.raises(AccountingError, match=rf"1 have no fate \(source rows \[{lost}\]\)"):
        compare(truth, kept, rejected)


def test_a_row_with_two_fates_is_an_error():
    truth, kept, rejected = tables(CASE)
    again = pa.table({"source_row": pa.array([8], pa.int64())})
    with pytest.raises(AccountingError, match=r"1 fates are not wanted \(source rows \[8\]\)"):
        compare(truth, pa.concat_tables([kept, again]), rejected)


def test_the_table_reads_well():
    text = format_table(compare(*tables(CASE)))
    lines = text.splitlines()
    assert lines[0].startswith("what the pair is")
    assert lines[0].endswith("rows  kept  left out  should stay   right  reasons given")
    assert any("mismatched" in line and "75.0 %" in line and "similarity_too_low 2" in line for line in lines)
    assert "precision  50.00%   3 of 6" in text
    assert "recall     60.00%   3 of 5 good scenes kept once; 1 lost, 1 kept more than once" in text
    assert not any("http 404" in line for line in lines)  # no such rows
    assert all(len(line) <= 120 for line in lines)
