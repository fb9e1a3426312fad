import json

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.report.write_report import sizes_files, written_files


def shard(number, split="train", folder="shards", beside=()):
    files = [f"{folder}/{number:08d}.tar", f"{folder}/{number:08d}.parquet", *beside]
    return {"shard": number, "split": split, "samples": 10 + number, "files": dict.fromkeys(files, "digest")}


def test_the_files_of_a_product_whose_names_differ_from_one_to_the_next():
    vectors = "embeddings/m/img_emb/img_emb_00000000.npy"
    shards = [shard(0, beside=[vectors]), shard(2, "validation", "validation")]
    assert written_files(shards, [("00000.parquet", 3)], ["en.parquet"]) == {
        *("shards/00000000.tar", "shards/00000000.parquet", "shards/00000000_stats.json", "shards/sizes.json", vectors),
        *("validation/00000002.tar", "validation/00000002.parquet", "validation/00000002_stats.json"),
        *("validation/sizes.json", "rejects/00000.parquet", "concepts/en.parquet"),
    }
    assert written_files([], [], []) == {"shards/sizes.json"}, "of a run that keeps nothing, too"


def test_sizes_are_of_the_training_shards_and_of_validation_beside_its_own(tmp_path):
    folder = RunFolder(str(tmp_path))
    folder.write_all(sizes_files([shard(0), shard(1), shard(0, "validation", "validation")]))
    found = {path: json.loads(folder.open(path).read()) for path in folder.files_under("")}
    train = {"00000000.tar": 10, "00000001.tar": 11}
    assert found == {"shards/sizes.json": train, "sizes.json": train, "validation/sizes.json": {"00000000.tar": 10}}
