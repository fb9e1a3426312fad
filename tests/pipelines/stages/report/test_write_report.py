import json

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.report.write_report import remove_stale, write_sizes


def shard(number, split="train", folder="shards", beside=()):
    files = [f"{folder}/{number:08d}.tar", f"{folder}/{number:08d}.parquet", *beside]
    return {"shard": number, "split": split, "samples": 10 + number, "files": dict.fromkeys(files, "digest")}


def test_what_an_earlier_run_left_of_validation_and_embeddings_goes_too(tmp_path):
    folder = RunFolder(str(tmp_path))
    vectors = "embeddings/m/img_emb/img_emb_00000000.npy"
    now = [shard(0, beside=[vectors])]
    kept = [
        *now[0]["files"],
        "shards/00000000_stats.json",
        "shards/sizes.json",
        "rejects/00000.parquet",
        "report/index.html",
    ]
    gone = [
        "shards/00000001.tar",
        "shards/00000001_stats.json",
        "validation/00000000.tar",
        "validation/sizes.json",
        "embeddings/m/img_emb/img_emb_00000001.npy",
        "embeddings-validation/m/img_emb/img_emb_00000000.npy",
        "rejects/00001.parquet",
    ]
    for path in [*kept, *gone]:
        folder.write(path, b"")
    remove_stale(folder, now, [("00000.parquet", 3)], [])
    assert folder.files_under("") == sorted(kept)


def test_sizes_are_of_the_training_shards_and_of_validation_beside_its_own(tmp_path):
    folder = RunFolder(str(tmp_path))
    write_sizes(folder, [shard(0), shard(1), shard(0, "validation", "validation")])
    found = {path: json.loads(folder.open(path).read()) for path in folder.files_under("")}
    train = {"00000000.tar": 10, "00000001.tar": 11}
    assert found == {"shards/sizes.json": train, "sizes.json": train, "validation/sizes.json": {"00000000.tar": 10}}
