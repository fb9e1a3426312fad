"""What img2dataset left as `--input`: its tables are tables of pairs, its tars a webdataset."""

from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.read_images import read_input_images
from tests.support.img2dataset_folder import IMAGES, entries, failed, write_shard
from tests.support.input_rows import read_rows


def read(path):
    plan = plan_input([str(path)])
    found = read_rows(plan)
    return plan, found.pairs, found.ledger


def test_its_tables_are_pairs_those_that_failed_too(tmp_path):
    for shard in (0, 1):
        write_shard(tmp_path, shard, [*entries(2, first=2 * shard), failed(shard, "timed out")])
    plan, pairs, ledger = read(tmp_path / "*.parquet")
    assert [(pair["url"], pair["caption"]) for pair in pairs] == [
        (entry.url, entry.caption)
        for shard in (0, 1)
        for entry in [*entries(2, first=2 * shard), failed(shard, "timed out")]
    ]
    assert ledger == []
    assert not plan.holds_images
    assert pairs[2]["input_status"] == "failed_to_download"


def test_its_tars_bring_images_with_their_urls(tmp_path):
    write_shard(tmp_path, 0, entries(3))
    plan, pairs, ledger = read(tmp_path / "*.tar")
    assert ([(pair["url"], pair["caption"]) for pair in pairs], ledger) == (
        [(entry.url, entry.caption) for entry in entries(3)],
        [],
    )
    images = [image for part in plan.slices for image in read_input_images(part, max_bytes=10**6)]
    assert [(image.url, image.body) for image in images] == [
        (entry.url, body) for entry, body in zip(entries(3), IMAGES[:3], strict=True)
    ]
