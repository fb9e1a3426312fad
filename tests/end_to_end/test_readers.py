"""Shards as their readers read them: webdataset with and without wids, open_clip, DataComp's resharder, HF datasets."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import webdataset
import wids

from babelsift.filters.image import process_image
from babelsift.filters.uids import compute_uids
from babelsift.pipelines.cli.main import main
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.report.write_report import sizes_files
from babelsift.pipelines.stages.score.models import resolve_model
from babelsift.pipelines.stages.shard.shard_writer import write_shard
from babelsift.pipelines.staging.layout import STAGED_SCHEMA
from babelsift.pipelines.staging.records import new_record, with_image
from babelsift.pipelines.staging.shards import StagingWriter
from babelsift.schemas import DOWNLOAD_SCHEMA
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import encoded, photo

SHARDS, SAMPLES = 3, 16


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """A run folder with three shards of sixteen photographs, and {uid: (image bytes, caption)}."""
    folder, images, records = RunFolder(str(tmp_path_factory.mktemp("readers"))), {}, []
    with StagingWriter(folder, 0, 100, {}) as writer:
        for row in range(SHARDS * SAMPLES):
            image = process_image(encoded(photo(row)), DownloadSettings(image_size=64))
            url, caption = f"http://e.com/{row}.jpg", f"photo {row}, légende"
            uid = compute_uids(pa.array([url]), pa.array([caption]))[0].as_py()
            record = with_image(new_record(uid=uid, url=url, caption=caption, key=writer.key(row)), image)
            records.append(writer.add(record, image))
            images[uid] = (image.data, caption)
        writer.commit(pa.RecordBatch.from_pylist(records, schema=STAGED_SCHEMA), start_time=0.0, end_time=1.0)
    beside = {"source_file": "in.parquet", "language": "en", "language_score": 0.9, "staging_shard": 0}
    rows = [record | beside | {"source_row": row} for row, record in enumerate(records)]
    table = pa.Table.from_pylist(rows, schema=DOWNLOAD_SCHEMA)
    shards = [
        write_shard(folder, shard, table.slice(shard * SAMPLES, SAMPLES), samples_per_shard=SAMPLES)
        for shard in range(SHARDS)
    ]
    folder.write_all(sizes_files(shards))
    return SimpleNamespace(folder=folder, images=images, tars=folder.path("shards", "{00000000..00000002}.tar"))


def test_webdataset(product):
    found = {}
    for sample in webdataset.WebDataset(product.tars, shardshuffle=False):
        assert {member for member in sample if not member.startswith("__")} == {"jpg", "txt", "json"}
        found[json.loads(sample["json"])["uid"]] = (sample["jpg"], sample["txt"].decode())
    assert found == product.images


def test_webdataset_with_wids(product, tmp_path):
    tars = [product.folder.path("shards", name) for name in product.folder.list("shards", ".tar")]
    shards = [{"url": tar, "nsamples": SAMPLES} for tar in tars]  # as `widsindex create` has them
    index = tmp_path / "index.json"
    index.write_text(
        json.dumps({"__kind__": "wids-shard-index-v1", "wids_version": 1, "shardlist": shards, "name": "readers"})
    )
    dataset = wids.ShardListDataset(str(index), cache_dir=str(tmp_path / "cache"), transformations=[])
    assert len(dataset) == SHARDS * SAMPLES
    for place in (47, 0, 16, 15):  # at random, over the shards' bounds
        sample = dataset[place]
        row = json.loads(sample[".json"].read())
        assert (sample[".jpg"].read(), sample[".txt"].read().decode()) == product.images[row["uid"]]
        assert row["source_row"] == place


@pytest.mark.slow
def test_open_clip_trains_on_them(product):
    from open_clip_train.data import get_wds_dataset
    from open_clip_train.train import train_one_epoch

    name = resolve_model("babelsift-demo")
    model, preprocess, _ = open_clip.create_model_and_transforms(name, load_weights=False, output_dict=True)
    settings = dict.fromkeys(
        ("distill", "skip_scheduler", "grad_clip_norm", "horovod", "wandb", "save_logs", "dataset_resampled", "rank")
    )
    settings |= {
        "train_data": product.tars,
        "train_num_samples": None,  # as in training: the number of samples is read from sizes.json
        "train_data_upsampling_factors": None,
        "batch_size": 12,
        "workers": 1,
        "world_size": 1,
        "seed": 0,
        "device": "cpu",
        "precision": "fp32",
        "accum_freq": 1,
        "log_every_n_steps": 1,
        "rank": 0,
        "local_rank": 0,
        "distributed": False,
        "skip_scheduler": True,
    }
    args = SimpleNamespace(**settings)
    data = get_wds_dataset(args, preprocess, is_train=True, tokenizer=open_clip.get_tokenizer(name))
    assert data.dataloader.num_batches == 4
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    before, losses = {key: value.clone() for key, value in model.state_dict().items()}, []

    class Watched(open_clip.ClipLoss):
        def forward(self, *arguments, **keywords):
            found = super().forward(*arguments, **keywords)
            losses.append(float(found["contrastive_loss"].detach()))
            return found

    for epoch in range(2):
        train_one_epoch(model, {"train": data}, Watched(), epoch, optimizer, None, None, None, args)
    assert len(losses) == 8
    assert np.isfinite(losses).all()
    assert np.mean(losses[-4:]) < np.mean(losses[:4]), "it learns"
    assert any(not torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.fixture
def subset_file(product, tmp_path, capsys):
    assert main(["subset", product.folder.url, str(tmp_path / "subset.npy")]) == 0
    assert capsys.readouterr().out.startswith(f"{SHARDS * SAMPLES} uids in ")
    return tmp_path / "subset.npy"


def test_datacomps_resharder_finds_every_sample_in_the_subset_file(product, subset_file):
    """What its resharder.py (mlfoundations/datacomp) does with a pool and a subset, but for copying."""
    u16 = np.dtype("u8,u8")
    with open(subset_file, "rb") as file:
        assert file.read(6) == b"\x93NUMPY"
    subset = np.load(subset_file, mmap_mode="r")
    assert subset.dtype == u16
    sizes = json.loads(product.folder.open("shards", "sizes.json").read())
    copied = 0
    for shard in range(SHARDS):
        assert product.folder.read_json("shards", f"{shard:08d}_stats.json")["successes"] == sizes[f"{shard:08d}.tar"]
        for sample in webdataset.WebDataset(product.folder.path("shards", f"{shard:08d}.tar"), shardshuffle=False):
            key = np.array([divmod(int(json.loads(sample["json"])["uid"], 16), 2**64)], u16)[0]
            copied += np.searchsorted(subset, key, "right") - np.searchsorted(subset, key, "left")
    assert copied == sum(sizes.values()) == SHARDS * SAMPLES
    other = np.array([(2**64 - 1, 5)], u16)[0]
    assert np.searchsorted(subset, other, "right") == np.searchsorted(subset, other, "left")


def test_a_subset_of_what_is_no_uid_is_refused(product, tmp_path, capsys):
    for column, message in (("url", "column 'url' is not of uids"), ("none", "has no column 'none'; it has key, uid")):
        assert main(["subset", product.folder.url, str(tmp_path / "x.npy"), "--column", column]) == 2
        assert message in capsys.readouterr().err
    assert main(["subset", str(tmp_path), str(tmp_path / "x.npy")]) == 2
    assert "has no shards" in capsys.readouterr().err


def test_datasets_webdataset_builder(product, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    from datasets import load_dataset

    tars = [product.folder.path("shards", name) for name in product.folder.list("shards", ".tar")]
    for streaming in (True, False):
        loaded = load_dataset(
            "webdataset", data_files={"train": tars}, split="train", streaming=streaming, cache_dir=str(tmp_path)
        )
        rows = list(loaded)
        assert len(rows) == SHARDS * SAMPLES
        for row in rows[::7]:
            image, caption = product.images[row["json"]["uid"]]
            pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
            assert row["jpg"].size == pixels.shape[1::-1]
            assert row["txt"] == caption


def test_the_parquet_beside_each_shard_has_its_rows(product):
    for name in product.folder.list("shards", ".parquet"):
        rows = pq.read_table(product.folder.path("shards", name)).to_pylist()
        tar = product.folder.path("shards", name.replace(".parquet", ".tar"))
        samples = list(webdataset.WebDataset(tar, shardshuffle=False))
        assert [row["key"] for row in rows] == [sample["__key__"] for sample in samples]
