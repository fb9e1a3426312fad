"""The input on a real S3 server that fails: tried again, then one line; nothing that is there is left out."""

import gzip

import pytest
import s3fs

from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.storage.errors import PATIENCE_VARIABLE
from babelsift.schemas import InputError
from tests.support.faulty_proxy import Fault
from tests.support.input_rows import read_rows

PASSING = (Fault.UNAVAILABLE, Fault.RESET, Fault.LOST_ANSWER, Fault.CUT_ANSWER)


@pytest.fixture
def table(s3_bucket):
    lines = "".join(f"http://x/{row},caption {row}\n" for row in range(500))
    (s3_bucket.folder / "in").mkdir()
    (s3_bucket.folder / "in" / "a.csv").write_text("url,caption\n" + lines)
    (s3_bucket.folder / "in" / "b.csv.gz").write_bytes(gzip.compress(b"url,caption\n" + lines.encode()))
    return s3_bucket.url("in/*.csv*")


def read(plan):
    return read_rows(plan).pairs


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("kind", ["get", "list", "head"])
def test_an_outage_that_passes_changes_nothing(s3_bucket, table, fault, kind):
    with s3_bucket.proxy.injecting(fault, kind=kind, times=2):
        rows = read(plan_input([table]))
    assert len(rows) == 1000
    assert {row["source_file"] for row in rows} == {"a.csv", "b.csv.gz"}


@pytest.mark.parametrize("fault", [*PASSING, Fault.FORBIDDEN])
@pytest.mark.parametrize("kind", ["get", "list"])
def test_one_that_lasts_is_one_line(s3_bucket, table, fault, kind, monkeypatch):
    monkeypatch.setenv(PATIENCE_VARIABLE, "1")
    with s3_bucket.proxy.injecting(fault, kind=kind), pytest.raises(InputError) as raised:
        plan_input([table])
    assert "\n" not in str(raised.value)
    remedy = "check the permissions" if fault is Fault.FORBIDDEN else "run the same command again"
    assert remedy in str(raised.value)


def test_an_outage_while_workers_read_is_one_line(s3_bucket, table):
    plan = plan_input([table])
    with (
        s3_bucket.proxy.injecting(Fault.UNAVAILABLE, kind="get"),
        pytest.raises(InputError, match=r"in/a\.csv: cannot be read"),
    ):
        read(plan)


def test_a_bucket_that_is_not_there_is_said(s3_bucket, table):
    for path in ("s3://no-such-bucket-here/in/*.csv", "s3://no-such-bucket-here/a.csv"):
        with pytest.raises(InputError, match="there is no bucket 'no-such-bucket-here'"):
            plan_input([path])
    with pytest.raises(InputError, match=r"no file matches --input .*check the path"):
        plan_input([s3_bucket.url("none/*.csv")])


def test_a_presigned_url_is_read_and_its_signature_is_no_part_of_a_name(s3_bucket, table):
    signed = s3fs.S3FileSystem(config_kwargs={"signature_version": "s3v4"}).sign(f"{s3_bucket.name}/in/a.csv")
    assert "Signature" in signed
    plan = plan_input([signed])
    assert {row["source_file"] for row in read(plan)} == {"a.csv"}
    assert [file.shown for file in plan.files] == [signed.partition("?")[0]]
