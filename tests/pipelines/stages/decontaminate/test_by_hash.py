import hashlib
import io
import tarfile
from contextlib import closing

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.filters.image import measure_image
from babelsift.pipelines.cli.main import main
from babelsift.pipelines.decoding import DecoderCrashedError, DecoderPool, DecodeTimeoutError
from babelsift.pipelines.stages.decontaminate.by_hash import Decontaminate
from babelsift.pipelines.stages.decontaminate.evaluation_images import (
    EVALUATION_SCHEMA,
    evaluation_decoders,
    plan_evaluation,
    read_evaluation,
)
from babelsift.schemas import InputError
from babelsift.schemas.recipe import DecontaminateSettings
from tests.support.hostile_web import encoded, photo
from tests.support.pictures import picture

NAMES = ["cat.png", "dog.jpg", "boat.webp"]


def packed(image, extension, *flags):
    return cv2.imencode(extension, image, list(flags))[1].tobytes()


BODIES = {name: packed(picture(seed), name[name.index(".") :]) for seed, name in enumerate(NAMES)}


@pytest.fixture
def eval_set(tmp_path):
    folder = tmp_path / "evalset"
    folder.mkdir()
    for name, body in BODIES.items():
        (folder / name).write_bytes(body)
    (folder / "labels.txt").write_text("cat dog boat")
    return folder


@pytest.fixture
def images(image_rows):
    def make(*bodies):
        hashes = [measure_image(body, max_source_pixels=10**8) for body in bodies]
        columns = {name: [one.columns()[name] for one in hashes] for name in hashes[0].columns()}
        columns["sha256"] = [hashlib.sha256(body).hexdigest() for body in bodies]
        return image_rows(len(bodies), **columns)

    return make


def shard_of(folder, path):
    with tarfile.open(path, "w") as tar:
        for name, body in BODIES.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
        info = tarfile.TarInfo("cat.json")
        tar.addfile(info, io.BytesIO(b""))


@pytest.fixture(scope="module")
def decoders():
    with closing(evaluation_decoders()) as decoders:
        yield decoders


def test_each_kind_of_copy_is_left_out_with_the_name_it_matched(run_stage, images, eval_set):
    cat, dog = picture(0), picture(1)
    batch = images(
        BODIES["boat.webp"],  # the file itself
        packed(cat, ".png", cv2.IMWRITE_PNG_COMPRESSION, 9),  # its pixels in another file
        packed(cv2.resize(dog, (160, 120), interpolation=cv2.INTER_AREA), ".jpg"),
        packed(np.ascontiguousarray(dog[12:-12, 16:-16]), ".jpg"),
        packed(picture(7), ".jpg"),
        packed(picture(8), ".jpg"),
    )
    settings = DecontaminateSettings(against=(str(eval_set),))
    outputs = run_stage(Decontaminate(settings, partitions=4), [batch.slice(0, 3), batch.slice(3)])
    assert [row["source_row"] for row in sorted(outputs.kept, key=lambda row: row["source_row"])] == [4, 5]
    gone = {row["source_row"]: row for row in outputs.rejected}
    assert {row["reason"] for row in outputs.rejected} == {"evaluation_image"}
    assert {row["stage"] for row in outputs.rejected} == {"decontaminate"}
    assert {row["threshold"] for row in outputs.rejected} == {"31"}
    assert (gone[0]["value"], gone[1]["value"]) == ("evalset/boat.webp", "evalset/cat.png")
    assert gone[2]["value"].startswith("evalset/dog.jpg at ")
    assert gone[3]["value"].startswith("evalset/dog.jpg at ")
    assert gone[3]["value"].endswith(" of a crop")
    assert outputs.counters["decontaminate.in_rows"] == 6
    assert outputs.counters["decontaminate.rejected_evaluation_image_rows"] == 4


def test_pairs_are_not_compared_with_one_another(run_stage, images, eval_set):
    batch = images(*[packed(picture(5), ".jpg")] * 3, packed(picture(1), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 50))
    outputs = run_stage(Decontaminate(DecontaminateSettings(against=(str(eval_set),))), [batch])
    assert sorted(row["source_row"] for row in outputs.kept) == [0, 1, 2]


def test_copies_of_a_match_share_its_fate(run_stage, images, eval_set):
    near = packed(picture(0), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 60)
    outputs = run_stage(Decontaminate(DecontaminateSettings(against=(str(eval_set),))), [images(*[near] * 20)])
    assert outputs.kept == []
    assert {row["value"].split()[0] for row in outputs.rejected} == {"evalset/cat.png"}


def test_without_sets_all_pass(run_stage, images):
    batch = images(BODIES["cat.png"], BODIES["cat.png"])
    outputs = run_stage(Decontaminate(DecontaminateSettings()), [batch])
    assert (len(outputs.kept), outputs.rejected) == (2, [])
    assert outputs.counters["decontaminate.out_rows"] == 2


def test_exact_only(run_stage, images, eval_set):
    batch = images(BODIES["cat.png"], packed(picture(0), ".jpg"))
    settings = DecontaminateSettings(against=(str(eval_set),), radius_bits=None)
    outputs = run_stage(Decontaminate(settings), [batch])
    assert [row["source_row"] for row in outputs.kept] == [1]


def test_shards_and_tables_of_hashes_are_sets_too(tmp_path, eval_set, decoders, capsys):
    shard_of(eval_set, tmp_path / "set.tar")
    table = tmp_path / "eval.parquet"
    assert main(["hash", str(tmp_path / "set.tar"), "--output", str(table)]) == 0
    assert "3 images hashed" in capsys.readouterr().out
    assert pq.read_schema(table).equals(EVALUATION_SCHEMA)
    read = {}
    for kind, place in {"folder": eval_set, "tar": tmp_path / "set.tar", "table": table}.items():
        batches = [batch for files in plan_evaluation([str(place)]) for batch in read_evaluation(files, decoders)]
        read[kind] = pa.Table.from_batches(batches).sort_by("sha256")
    assert read["table"].equals(read["tar"])
    assert read["tar"].drop_columns("name").equals(read["folder"].drop_columns("name"))
    assert set(read["tar"]["name"].to_pylist()) == {f"set.tar/{name}" for name in NAMES}


def test_a_table_of_hashes_of_before_there_were_views_is_a_set_too(run_stage, images, tmp_path, eval_set, decoders):
    table = tmp_path / "eval.parquet"
    main(["hash", str(eval_set), "--output", str(table)])
    pq.write_table(pq.read_table(table).drop_columns(["phash_views"]), table)
    [files] = plan_evaluation([str(table)])
    [batch] = read_evaluation(files, decoders)
    assert batch.schema.equals(EVALUATION_SCHEMA)
    assert batch.column("phash_views").null_count == len(batch) == pq.read_metadata(table).num_rows > 0
    settings = DecontaminateSettings(against=(str(table),))
    assert run_stage(Decontaminate(settings), [images(packed(picture(1), ".jpg"))]).rejected


def test_a_broken_image_is_told_of_and_left_out(eval_set, decoders, caplog):
    (eval_set / "broken.jpg").write_bytes(encoded(photo(1))[:300])
    (eval_set / "text.png").write_bytes(b"no image at all")
    rows = [
        row
        for files in plan_evaluation([str(eval_set)])
        for batch in read_evaluation(files, decoders)
        for row in batch.to_pylist()
    ]
    assert {row["name"] for row in rows} == {f"evalset/{name}" for name in NAMES}
    assert "evalset/broken.jpg" in caplog.text
    assert "evalset/text.png" in caplog.text


@pytest.mark.parametrize("failure", [DecodeTimeoutError("60 s of CPU"), DecoderCrashedError("by signal 9")])
def test_an_image_that_the_machine_could_not_decode_is_an_error(eval_set, decoders, monkeypatch, failure):
    def decode(self, body, *arguments):
        raise failure

    monkeypatch.setattr(DecoderPool, "decode", decode)
    [files] = plan_evaluation([str(eval_set)])
    with pytest.raises(
        InputError, match=f"evaluation image evalset/.*: {failure}; run again, or take it out of the set"
    ):
        list(read_evaluation(files, decoders))


@pytest.mark.parametrize("place", ["nothing-here", "empty/*.jpg"])
def test_a_place_without_images_is_an_error(tmp_path, place):
    with pytest.raises(InputError, match=r"has no image, \.tar or \.parquet"):
        plan_evaluation([str(tmp_path / place)])


def test_a_table_that_is_no_table_of_hashes_is_an_error(tmp_path):
    pq.write_table(pa.table({"name": ["a"]}), tmp_path / "eval.parquet")
    with pytest.raises(InputError, match="no column 'sha256' of string; write it with `babelsift hash`"):
        plan_evaluation([str(tmp_path / "eval.parquet")])
    (tmp_path / "eval.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="cannot be read"):
        plan_evaluation([str(tmp_path / "eval.parquet")])


def test_a_table_of_hashes_is_written_whole_or_not_at_all(tmp_path, eval_set, capsys):
    table = tmp_path / "eval.parquet"
    assert main(["hash", str(eval_set), "--output", str(table)]) == 0
    before = table.read_bytes()
    (tmp_path / "cut.tar").write_bytes(b"no shard at all" * 100)
    assert main(["hash", str(eval_set), str(tmp_path / "cut.tar"), "--output", str(table)]) == 2
    assert "cut.tar cannot be read" in capsys.readouterr().err
    assert table.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"eval.parquet", "cut.tar", eval_set.name}
