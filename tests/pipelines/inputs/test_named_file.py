import errno
import io
import tarfile
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.core.groups.pair_digests import digests_of_urls
from babelsift.pipelines.inputs.named_file import open_named_file
from babelsift.pipelines.stages.decontaminate.evaluation_embeddings import plan_embeddings, read_evaluation_embeddings
from babelsift.pipelines.stages.decontaminate.evaluation_images import (
    evaluation_decoders,
    plan_evaluation,
    read_evaluation,
)
from babelsift.pipelines.stages.dedup.pairs.earlier_pairs import plan_earlier, read_earlier
from babelsift.pipelines.storage.errors import PATIENCE_VARIABLE
from babelsift.schemas import InputError
from tests.support.faulty_filesystem import fail, faulty_files
from tests.support.hostile_web import encoded, photo

UIDS = compute_uids(pa.array(["http://a/1.jpg", "http://a/2.jpg"]), pa.array(["one", "two"]))


def as_bytes(write, content):
    file = io.BytesIO()
    write(content, file)
    return file.getvalue()


def as_parquet(**columns):
    return as_bytes(pq.write_table, pa.table(columns))


def as_npy(array):
    return as_bytes(lambda content, file: np.save(file, content), array)


def as_tar(name, content):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def read_all_earlier(path):
    return [chunk for file in plan_earlier([path]) for chunk in read_earlier(file, digests_of_urls, 1)]


def read_all_images(path):
    with closing(evaluation_decoders()) as decoders:
        return [batch.to_pylist() for files in plan_evaluation([path]) for batch in read_evaluation(files, decoders)]


def read_all_embeddings(path):
    return read_evaluation_embeddings(plan_embeddings([path])).vectors.tolist()


JPEG = encoded(photo(1))
READERS = {
    "faulty://uids.parquet": (read_all_earlier, as_parquet(uid=UIDS)),
    "faulty://urls.parquet": (read_all_earlier, as_parquet(url=pa.array(["http://a/1.jpg", None]))),
    "faulty://subset.npy": (read_all_earlier, as_npy(np.zeros(3, "u8,u8"))),
    "faulty://image.jpg": (read_all_images, JPEG),
    "faulty://images.tar": (read_all_images, as_tar("image.jpg", JPEG)),
    "faulty://embeddings.npy": (read_all_embeddings, as_npy(np.ones((2, 3), np.float32))),
    "faulty://embeddings.parquet": (
        read_all_embeddings,
        as_parquet(name=["a"], embedding=pa.array([[0.5, 1]], pa.list_(pa.float16(), 2))),
    ),
}


def broken():
    return OSError(errno.EIO, "Input/output error")


@pytest.fixture(autouse=True)
def hardly_patient(monkeypatch):
    monkeypatch.setenv(PATIENCE_VARIABLE, "0.01")


@pytest.mark.parametrize("path", READERS)
@pytest.mark.parametrize("operation", ["open", "read"])
def test_an_outage_that_passes_changes_nothing(path, operation):
    read, content = READERS[path]
    with faulty_files({path: content}):
        expected = read(path)
        met = fail(operation, broken, times=2)
        assert read(path) == expected
        assert len(met) == 2


@pytest.mark.parametrize("path", READERS)
@pytest.mark.parametrize("operation", ["open", "read"])
def test_an_outage_that_lasts_is_one_line_and_never_a_damaged_file(path, operation):
    read, content = READERS[path]
    with faulty_files({path: content}):
        fail(operation, broken)
        with pytest.raises(
            InputError, match=r"cannot be read: .*Input/output error; run the same command again"
        ) as error:
            read(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("path", [path for path in READERS if not path.endswith("jpg")])
@pytest.mark.parametrize("kept", [0, 4, 60])
def test_a_cut_file_is_one_line(path, kept):
    read, content = READERS[path]
    with faulty_files({path: content[:kept]}), pytest.raises(InputError) as error:
        read(path)
    assert "\n" not in str(error.value)
    assert path.removeprefix("faulty:/") in str(error.value)


def test_a_message_names_a_file_without_its_credentials(tmp_path):
    url = "https://ann:secret@127.0.0.1:1/uids.parquet?X-Amz-Signature=1f"
    for plan in (plan_earlier, plan_evaluation, plan_embeddings):
        with pytest.raises(InputError) as error:
            plan([url])
        assert "uids.parquet" in str(error.value)
        assert "secret" not in str(error.value)
        assert "1f" not in str(error.value)
    with pytest.raises(InputError) as error, open_named_file(url, setting="a", remedy="b"):
        pass
    assert "secret" not in str(error.value)


def test_what_our_own_code_says_in_the_block_is_passed_on(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    with (
        pytest.raises(InputError, match=r"^just this$"),
        open_named_file(str(tmp_path / "file"), setting="a", remedy="b"),
    ):
        raise InputError("just this")


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_uids_and_urls_of_any_type_of_text_are_found(tmp_path, kind):
    urls = pa.array(["http://a/1.jpg", None, "http://a/2.jpg"])
    for name, texts in (("uid", UIDS), ("url", urls)):
        plain = texts.cast(pa.string()).to_pylist()
        column = pa.array(plain).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(plain).cast(kind)
        pq.write_table(pa.table({name: pa.array(plain)}), tmp_path / "plain.parquet")
        pq.write_table(pa.table({name: column}), tmp_path / "typed.parquet")
        assert read_all_earlier(str(tmp_path / "typed.parquet")) == read_all_earlier(str(tmp_path / "plain.parquet"))


@pytest.mark.parametrize("name", ["uid", "url_digest", "url"])
def test_a_column_of_no_text_is_said_before_the_run(tmp_path, name):
    pq.write_table(pa.table({name: [1, 2]}), tmp_path / "numbers.parquet")
    with pytest.raises(InputError, match=rf"numbers\.parquet: column '{name}' holds int64, not text"):
        plan_earlier([str(tmp_path / "numbers.parquet")])


def test_a_url_that_is_no_utf8_matches_nothing_and_stops_nothing(tmp_path):
    content = pa.array([b"http://a/1.jpg", b"\xff\xfe"], pa.binary())
    pq.write_table(pa.table({"url": content}), tmp_path / "bytes.parquet")
    pq.write_table(pa.table({"url": ["http://a/1.jpg"]}), tmp_path / "one.parquet")
    assert read_all_earlier(str(tmp_path / "bytes.parquet")) == read_all_earlier(str(tmp_path / "one.parquet"))
