"""The torch dataset over a run's shards."""

import io
import json
import re
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from torch.utils.data import DataLoader

import babelsift
from babelsift.pipelines.inspection.finished import FinishedRun
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import Funnel
from tests.support.webdatasets import write_tar

SHARDS, SAMPLES = 3, 4
KEYS = [f"{shard:08d}{sample}" for shard in range(SHARDS) for sample in range(SAMPLES)]


def colour(key):
    return (int(key[-1]) * 40, int(key[-2]) * 40, 200)


def members(key):
    """The files of a sample; every second one has two texts."""
    image = io.BytesIO()
    Image.new("RGB", (8, 6), colour(key)).save(image, "PNG")
    row = {"uid": f"uid {key}", "weight": int(key[-1]) / 2, "none": None, "language_score": 0.5}
    if int(key) % 2:
        row["texts"] = [{"text": f"{key} {number}", "uid": f"uid {key} {number}"} for number in range(2)]
    text = row["texts"][0]["text"] if "texts" in row else key
    return {f"{key}.png": image.getvalue(), f"{key}.txt": text.encode(), f"{key}.json": json.dumps(row).encode()}


@pytest.fixture(params=["local", "memory"])
def out(tmp_path, request):
    url = str(tmp_path / "out") if request.param == "local" else "memory://loaded"
    folder = RunFolder(url)
    for shard in range(SHARDS):
        files = {name: body for key in KEYS if key.startswith(f"{shard:08d}") for name, body in members(key).items()}
        with folder.writing(f"shards/{shard:08d}.tar") as file:
            file.write(write_tar(tmp_path / "shard.tar", files.items()).read_bytes())
        with folder.writing(f"shards/{shard:08d}.parquet") as file:
            pq.write_table(pa.table({"uid": ["a"]}), file)
    folder.write_json("funnel.json", Funnel.from_counts({("read", "in", ""): 12, ("read", "out", ""): 12}).to_json())
    yield url
    for path in folder.files_under(""):
        folder.remove(path)


def texts_of(run, **settings):
    return [text for (text,) in babelsift.loader(run, fields=["text"], **settings)]


def test_the_samples_as_they_are_stored(out):
    found = list(babelsift.loader(out, fields=["image", "text", "key", "uid"], shuffle=0))
    assert [key for _, _, key, _ in found] == KEYS
    for image, text, key, uid in found:
        assert (image.mode, image.size, image.getpixel((0, 0))) == ("RGB", (8, 6), colour(key))
        assert text == (f"{key} 0" if int(key) % 2 else key)
        assert uid == (f"uid {text}")


def test_each_epoch_has_an_order_of_its_own_that_follows_from_the_seed(out):
    first, second = (babelsift.loader(out, fields=["key"], seed=7) for _ in range(2))
    orders = [[key for (key,) in first] for _ in range(3)]
    assert [[key for (key,) in second] for _ in range(3)] == orders
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == KEYS for order in orders)
    second.set_epoch(1)
    assert [key for (key,) in second] == orders[1]
    assert [key for (key,) in babelsift.loader(out, fields=["key"], seed=8)] != orders[0]


def test_all_texts_any_of_them_or_the_users_choice(out):
    every = texts_of(out, texts="all", shuffle=0)
    assert Counter(every) == Counter(
        text for key in KEYS for text in ([f"{key} 0", f"{key} 1"] if int(key) % 2 else [key])
    )
    loader = babelsift.loader(out, fields=["text"], texts="any")
    drawn = Counter(text for _ in range(20) for (text,) in loader)
    assert set(drawn) == set(every)
    assert all(drawn[f"{key} 0"] + drawn[f"{key} 1"] == 20 for key in KEYS if int(key) % 2)
    last = texts_of(out, texts=lambda texts: texts[-1] if len(texts) > 1 else None, shuffle=0)
    assert last == [f"{key} 1" for key in KEYS if int(key) % 2]


def test_a_weight_is_how_often_a_sample_comes_on_average(out):
    loader = babelsift.loader(out, fields=["key"], weights="weight")
    found = Counter(key for _ in range(200) for (key,) in loader)
    for key in KEYS:
        expected = 200 * int(key[-1]) / 2
        assert found[key] == expected if int(key[-1]) % 2 == 0 else abs(found[key] - expected) < 40
    twice = babelsift.loader(out, fields=["key"], weights=lambda row: 2.0, shuffle=0)
    assert [key for (key,) in twice] == [key for key in KEYS for _ in range(2)]


def test_workers_read_each_shard_once(out):
    loader = babelsift.loader(out, fields=["key"], transform=None)
    found = [key for batch in DataLoader(loader, batch_size=None, num_workers=2) for key in batch]
    assert sorted(found) == KEYS


def test_nodes_share_the_shards(out, monkeypatch):
    found = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank))
        found += [key for (key,) in babelsift.loader(out, fields=["key"])]
    assert sorted(found) == KEYS


def test_images_and_texts_are_made_what_a_model_takes(out):
    loader = babelsift.loader(out, transform=lambda image: image.size, tokenize=len, shuffle=0)
    assert next(iter(loader)) == ((8, 6), len(KEYS[0]))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"split": "trian"}, "no split 'trian'; did you mean 'train'"),
        ({"texts": "last"}, "no choice of texts 'last'; one of first, any, all"),
        ({"fields": ["txet"]}, "has no field 'txet'; did you mean 'text'"),
        ({"weights": "wieght"}, "has no field 'wieght'; did you mean 'weight'"),
        ({"weights": "none"}, "is None; a weight is a number from 0 on"),
        ({"weights": lambda row: -1}, "is -1; a weight is a number from 0 on"),
        ({"split": "validation"}, "has no shards; the run kept nothing for validation"),
    ],
)
def test_what_there_is_not_is_one_line(out, settings, said):
    with pytest.raises(babelsift.BabelsiftError, match=said) as raised:
        list(babelsift.loader(FinishedRun(RunFolder(out), Funnel.from_counts({})), **settings))
    assert "\n" not in str(raised.value)


def test_the_pages_example_runs(out):
    page = (Path(__file__).parents[3] / "docs" / "python.md").read_text(encoding="utf-8")
    [example] = [code for code in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "DataLoader" in code]
    seen = {"len": len}
    exec(example.replace("out/mine", out), seen)
    assert seen["size"] == [8, 6]
