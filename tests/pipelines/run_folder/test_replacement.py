import tarfile
from pathlib import Path

import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import Manifest, read_manifest, save_manifest
from babelsift.pipelines.run_folder.product import Product
from babelsift.pipelines.run_folder.replacement import (
    ShrinkGuard,
    begin_replacement,
    finish_replacement,
    product_files,
    recipe_digest,
    with_held_product,
)
from babelsift.schemas import RunFolderError


def product(samples, recipe="r", *, models=(), ledger_files=2):
    return Product({"train": samples}, {"train": -(-samples // 10)}, models, ledger_files, (), recipe)


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(str(tmp_path / "out"))
    save_manifest(folder, Manifest(partitions=2), {})
    return folder


def make(folder, planned, lacking=()):
    """Replaces a folder's product; `lacking` are files that it could have and has not."""
    begin_replacement(folder, planned, ShrinkGuard())
    written = [path for path in planned.files() if path not in lacking]
    for path in written:
        folder.write(path, b"new")
    finish_replacement(folder, [path for path in written if "/" in path])
    folder.write("funnel.json", b"{}")


def test_the_manifest_says_what_is_there_and_what_is_under_way(folder):
    make(folder, product(100))
    assert read_manifest(folder).product == product(100)
    begin_replacement(folder, product(60), ShrinkGuard())
    manifest = read_manifest(folder)
    assert (manifest.product, manifest.replacement.planned) == (product(100), product(60))
    assert not folder.exists("funnel.json")
    finish_replacement(folder, [])
    manifest = read_manifest(folder)
    assert (manifest.product, manifest.replacement) == (product(60), None)


def test_what_the_new_version_lacks_goes_and_nothing_else(folder):
    make(folder, product(100, models=("clip",)))
    mine = ["shards/notes.txt", "shards/00000099.tar", "rejects/mine.parquet", "embeddings/mine/a.npy", "mine.txt"]
    for path in mine:
        folder.write(path, b"mine")
    make(folder, product(60), lacking={"rejects/00001.parquet"})
    assert set(product_files(folder)) == {"manifest.json", *product(60).files(), *mine} - {"rejects/00001.parquet"}
    assert all(folder.read(path) == b"mine" for path in mine)


def test_a_name_that_somebody_else_took_meanwhile_stops_the_run_before_anything_is_touched(folder):
    make(folder, product(10))
    folder.write("shards/00000003.tar", b"mine")
    before = {path: folder.read(path) for path in folder.files_under("")}
    with pytest.raises(RunFolderError, match=r"shards/00000003\.tar: no run of babelsift wrote this.*move it away"):
        begin_replacement(folder, product(40), ShrinkGuard())
    assert {path: folder.read(path) for path in folder.files_under("")} == before
    begin_replacement(folder, product(30), ShrinkGuard())


def test_files_that_a_commit_mark_names_are_ours(folder):
    folder.write("shards/00000000.tar", b"tar")
    files = {"shards/00000000.tar": "0123"}
    folder.write_json("shards/00000000_stats.json", {"files": files, "fingerprint": "f"})
    begin_replacement(folder, product(10), ShrinkGuard())


@pytest.mark.parametrize(
    ("held", "planned", "is_stopped"),
    [
        (product(100), product(50), False),
        (product(100), product(49), True),
        (product(100), product(0), True),
        (product(100), product(49, "other"), False),
        (product(100), product(0, "other"), True),
        (product(100, ""), product(1, ""), False),
        (product(0), product(0), False),
    ],
)
def test_a_run_that_would_leave_little_or_nothing_is_stopped(folder, held, planned, is_stopped):
    make(folder, held)
    before = {path: folder.read(path) for path in folder.files_under("")}
    if is_stopped:
        message = (
            rf"holds 100 samples, this run would leave {planned.total_samples}\b.*; most: x; nothing in the folder "
            r"was changed: .* pass --allow-shrink, or choose another --output$"
        )
        with pytest.raises(RunFolderError, match=message):
            begin_replacement(folder, planned, ShrinkGuard(), left_out="; most: x")
        assert {path: folder.read(path) for path in folder.files_under("")} == before
        begin_replacement(folder, planned, ShrinkGuard(is_off=True))
    else:
        begin_replacement(folder, planned, ShrinkGuard())


def test_a_killed_replacement_leaves_nothing_of_any_attempt(folder):
    make(folder, product(100))
    begin_replacement(folder, product(300), ShrinkGuard())
    for path in product(300).files():
        folder.write(path, b"of the second")
    begin_replacement(folder, product(200, models=("clip",)), ShrinkGuard())
    begin_replacement(folder, product(200, models=("clip",)), ShrinkGuard())  # a bundle that is tried again
    assert read_manifest(folder).replacement.before == (product(100), product(300))
    make(folder, product(150))
    assert set(product_files(folder)) == {"manifest.json", *product(150).files()}


def test_the_recipe_is_the_same_whatever_its_input_and_its_shards_size():
    stages = {"read": {"input": {"a": 1}}, "rules": {"x": 1}, "shard": {"shards.samples_per_shard": 5}}
    others = stages | {"read": {"input": {"b": 2}}, "shard": {"shards.samples_per_shard": 9}}
    assert recipe_digest(stages) == recipe_digest(others)
    assert recipe_digest(stages) != recipe_digest(stages | {"rules": {"x": 2}})


def test_a_folder_of_0_1_0_says_what_product_it_has(tmp_path):
    with tarfile.open(Path(__file__).with_name("made_by_0_1_0.tar.xz")) as tar:
        tar.extractall(tmp_path, filter="data")
    folder = RunFolder(str(tmp_path / "out"))
    manifest = read_manifest(folder)
    assert (manifest.format, manifest.partitions, manifest.product) == (1, 4, None)
    sizes = folder.read("shards/sizes.json")
    folder.write("shards/sizes.json", b"{\xff")
    with pytest.raises(RunFolderError, match=r"shards/sizes\.json is not JSON .*; remove it and run again"):
        with_held_product(folder, manifest)
    folder.write("shards/sizes.json", sizes)
    manifest = with_held_product(folder, manifest)
    held = manifest.product
    assert (held.samples, held.shards) == ({"train": 20, "validation": 4}, {"train": 4, "validation": 1})
    assert set(product_files(folder)) == {"manifest.json", ".babelsift-lock", *held.files()}
    save_manifest(folder, manifest, {})
    with pytest.raises(RunFolderError, match="holds 24 samples, this run would leave 0"):
        begin_replacement(folder, product(0), ShrinkGuard())
    make(folder, product(20, "another"))
    assert set(product_files(folder)) == {"manifest.json", ".babelsift-lock", *product(20).files()}
