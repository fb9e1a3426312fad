"""Scoring as a transform: several models, counters, a real model over a staging shard."""

import io
import json
import logging
import pickle
import tarfile
import zlib
from collections import Counter

import apache_beam as beam
import numpy as np
import open_clip
import pytest
import torch
from apache_beam.metrics import MetricsFilter
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from PIL import Image
from safetensors.torch import save_file

from babelsift.filters.clip import ClipScorer
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.models import check_models, resolve_model
from babelsift.pipelines.stages.score.score_pairs import ScorePairs
from babelsift.schemas import LEDGER_SCHEMA, ModelError, check, score_schema
from babelsift.schemas.recipe import ClipModel
from tests.support.counting_scorer import (
    CLIP,
    CountingScorer,
    a_counting_scorer,
    download_rows,
    image_named_by_offset,
)

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(3)
    save_file(open_clip.CLIP(**json.loads(json.dumps(CONFIG))).state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG, "preprocess_cfg": {}}))
    return folder


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path))


def append_rows(batch, path, schema):
    with open(path, "ab") as file:
        pickle.dump(check(batch, schema, where="test").to_pylist(), file)


def rows_in(path):
    rows = []
    if path.exists():
        with path.open("rb") as file:
            while file.peek(1):
                rows += pickle.load(file)
    return rows


def run(transform, batches, path, names):
    """Returns kept rows, ledger rows and the stage's counters."""
    kept, rejected = path / "kept", path / "rejected"
    pipeline = beam.Pipeline(runner=FnApiRunner())
    outputs = pipeline | beam.Create(batches) | "Score" >> transform
    _ = outputs.kept | "Kept" >> beam.Map(append_rows, str(kept), score_schema(names))
    _ = outputs.rejected | "Rejected" >> beam.Map(append_rows, str(rejected), LEDGER_SCHEMA)
    metrics = pipeline.run().metrics().query(MetricsFilter().with_namespace("score"))["counters"]
    counters = Counter()
    for one in metrics:
        counters[one.key.metric.name] += one.committed
    return rows_in(kept), rows_in(rejected), counters


def test_without_models_rows_pass_and_are_counted(folder):
    rows = download_rows(["a", "bb"])
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        outputs = pipeline | beam.Create([rows]) | ScorePairs(folder, ())
        assert_that(outputs.kept, equal_to([rows]), label="Kept")
        assert_that(outputs.rejected, equal_to([]), label="Rejected")
    counters = pipeline.result.metrics().query(MetricsFilter().with_namespace("score"))["counters"]
    assert {one.key.metric.name: one.committed for one in counters} == {"in_rows": 2, "out_rows": 2}


def first_refuses_dogs(model):
    scorer = CountingScorer()
    if model.name == "second":
        return scorer
    stream = scorer.score_stream
    scorer.score_stream = lambda pairs, **options: stream(
        ((image, caption.replace("dog", "bad caption")) for image, caption in pairs), **options
    )
    return scorer


def test_two_models(folder, tmp_path):
    models = (ClipModel(model="x", name="first"), ClipModel(model="y", name="second"))
    transform = ScorePairs(folder, models, load=first_refuses_dogs, read=image_named_by_offset)
    batches = [download_rows(["a", "dog", "bad image", "bb"]), download_rows(["ccc"], shard=5)]
    kept, rejected, counters = run(transform, batches, tmp_path, ("first", "second"))
    assert sorted((row["caption"], row["similarity_first"], row["similarity_second"]) for row in kept) == [
        ("a", 1 / 64, 1 / 64),
        ("bb", 2 / 64, 2 / 64),
        ("ccc", 3 / 64, 3 / 64),
    ]
    assert set(kept[0]) == {*score_schema(("first", "second")).names, "carried"}
    assert sorted((row["caption"], row["stage"], row["reason"], row["value"]) for row in rejected) == [
        ("bad image", "score", "unscorable_image", "no good"),
        ("dog", "score", "unscorable_caption", "no good"),
    ]
    assert counters["in_rows"] == 5
    assert counters["out_rows"] == 3
    assert counters["rejected_unscorable_image_rows"] == counters["rejected_unscorable_caption_rows"] == 1
    assert counters["scored_rows"] == 10
    assert counters["reused_rows"] == 0


def test_beam_does_not_warn_of_memory(folder, tmp_path, caplog):
    transform = ScorePairs(folder, (CLIP,), load=a_counting_scorer, read=image_named_by_offset)
    run(transform, [download_rows(["a"])], tmp_path, ("counting",))
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_models_need_names_of_their_own(folder):
    with pytest.raises(ValueError, match="each CLIP model and head needs a name of its own"):
        ScorePairs(folder, (CLIP, CLIP))


def staged(folder, images):
    """Writes the images as staging shard 4 and returns their offsets and sizes."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for at, image in enumerate(images):
            info = tarfile.TarInfo(f"{at}.jpg")
            info.size = len(image)
            tar.addfile(info, io.BytesIO(image))
    folder.write("staging/images/00004.tar", sink.getvalue())
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as tar:
        return [(member.offset_data, member.size) for member in tar]


def jpeg(seed):
    levels = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    sink = io.BytesIO()
    Image.fromarray(levels).save(sink, "JPEG")
    return sink.getvalue()


def test_a_real_model_over_a_staging_shard(folder, model_folder, tmp_path):
    captions = ["a cat", "кошка", "猫", "a broken one", "  ", "another"]
    images = [jpeg(at) for at in range(6)]
    images[3] = images[3][:500]
    offsets, sizes = zip(*staged(folder, images), strict=True)
    rows = download_rows(
        captions,
        key=[str(at) for at in range(6)],
        image_extension=["jpg"] * 6,
        image_offset=offsets,
        image_size=sizes,
        image_crc32=[zlib.crc32(image) for image in images],
    )
    model = ClipModel(model=str(model_folder), name="tiny", batch_size=4)
    kept, rejected, counters = run(ScorePairs(folder, (model,)), [rows], tmp_path, ("tiny",))
    scorer = ClipScorer(str(model_folder))
    expected = scorer.score([images[at] for at in (0, 1, 2, 5)], [captions[at] for at in (0, 1, 2, 5)], embeddings=True)
    assert [row["caption"] for row in kept] == ["a cat", "кошка", "猫", "another"]
    assert [row["similarity_tiny"] for row in kept] == expected.column("similarity").to_pylist()
    assert [row["carried"] for row in kept] == [{"at": at} for at in (0, 1, 2, 5)]
    assert sorted((row["caption"], row["reason"]) for row in rejected) == [
        ("  ", "unscorable_caption"),
        ("a broken one", "unscorable_image"),
    ]
    root = f"staging/scores/tiny-{scorer.fingerprint[:8]}"
    with folder.open(f"{root}/img_emb/img_emb_00004_0000.npy") as file:
        vectors = np.load(file)
    assert vectors[[0, 1, 2, 5]].tolist() == expected.column("image_embedding").to_pylist()
    info = folder.read_json(f"{root}/info.json")
    assert info["fingerprint"] == scorer.fingerprint
    assert {"model", "pretrained", "weights_digest", "preprocessing", "precision"} <= set(info)
    assert counters["scored_rows"] == 6
    (tmp_path / "again").mkdir()
    again = run(ScorePairs(folder, (model,)), [rows], tmp_path / "again", ("tiny",))
    assert again[:2] == (kept, rejected)
    assert (again[2]["scored_rows"], again[2]["reused_rows"]) == (0, 6)


def test_models_are_checked_and_described(model_folder):
    checked = check_models([ClipModel(model=str(model_folder), name="tiny")])
    scorer = ClipScorer(str(model_folder))
    assert checked.fingerprints == {"tiny": scorer.fingerprint}
    assert checked.descriptions == {
        "tiny": f"{model_folder}, {scorer.info['precision']}, "
        f"preprocessing {json.dumps(scorer.info['preprocessing'])}, weights sha256 {scorer.info['weights_digest']}, "
        f"fingerprint {scorer.fingerprint}"
    }
    with pytest.raises(ModelError, match="did you mean 'ViT-B-32'"):
        check_models([ClipModel(model="ViT-B-33")])


def test_the_demo_model_is_the_one_that_ships():
    resolved = resolve_model("babelsift-demo")
    assert resolved.startswith("local-dir:")
    assert resolved.replace("\\", "/").endswith("pipelines/demo/clip")
    assert resolve_model("ViT-B-32") == "ViT-B-32"
