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
import pyarrow as pa
import pytest
import torch
from apache_beam.metrics import MetricsFilter
from apache_beam.ml.inference.base import PredictionResult
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from PIL import Image
from safetensors.torch import save_file

from filters.clip import ClipScorer, result_schema
from pipelines import score_handlers
from pipelines.run_folder import RunFolder
from pipelines.score import ScorePairs, add_scores
from pipelines.score_handlers import ClipModelHandler
from pipelines.score_models import check_models, resolve_model
from pipelines.score_sharing import HeadedScorer
from schemas import DOWNLOAD_SCHEMA, LEDGER_SCHEMA, ModelError, check, score_schema
from schemas.recipe import ClipModel

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


class CountingScorer:
    """Scores by the caption's length, and remembers what it was asked; "bad image"/"bad caption" cannot be scored."""

    fingerprint = "feed" * 16
    info = {"model": "counting"}  # noqa: RUF012 (never changed)

    def __init__(self):
        self.asked = []

    def score_stream(self, pairs, *, embeddings=False):
        for image, caption in pairs:
            self.asked.append((image, caption))
            wrong = caption.removeprefix("bad ") + ": no good" if caption.startswith("bad ") else None
            row = {"similarity": None if wrong else len(caption) / 64, "error": wrong}
            if embeddings and not wrong:
                row |= {name: np.full(2, len(caption), np.float16) for name in ("image_embedding", "text_embedding")}
            yield pa.RecordBatch.from_pylist([row], schema=result_schema(2 if embeddings else None))


def image_named_by_offset(folder, rows):
    return [f"image at {offset}".encode() for offset in rows.column("image_offset").to_pylist()]


def a_counting_scorer(model):
    return CountingScorer()


UNKNOWN = {"image_crc32", "pixels_digest", "phash_crops"}


def download_rows(captions, shard=4, **changes):
    count = len(captions)
    values = {
        "uid": [f"{caption:>032}"[-32:] for caption in captions],
        "url": [f"https://example.org/{at}" for at in range(count)],
        "caption": captions,
        "source_row": list(range(count)),
        "staging_shard": [shard] * count,
        "image_offset": [512 + 2048 * at for at in range(count)],
        "image_size": [1000] * count,
        "sha256": ["aa" * 32] * count,
        "phash": [b"\0" * 32] * count,
        **changes,
    }
    columns = []
    for field in DOWNLOAD_SCHEMA:
        blank = "x" if pa.types.is_string(field.type) else 1
        default = [None if field.name in UNKNOWN else blank] * count
        columns.append(pa.array(values.get(field.name, default), field.type))
    return pa.RecordBatch.from_arrays(
        [*columns, pa.array([{"at": at} for at in range(count)])], schema=DOWNLOAD_SCHEMA.append(CARRIED)
    )


CARRIED = pa.field("carried", pa.struct([("at", pa.int64())]))
CLIP = ClipModel(model="counting")


def handler_for(folder, model=CLIP):
    return ClipModelHandler(folder, model, load=a_counting_scorer, read=image_named_by_offset)


def scored(folder, rows, scorer, model=CLIP):
    (prediction,) = handler_for(folder, model).run_inference([rows], HeadedScorer(scorer))
    assert prediction.example is rows
    assert prediction.model_id == model.name
    return prediction.inference.column("similarity").to_pylist()


def test_a_handler_scores_rows_with_their_images_and_in_their_order(folder):
    scorer = CountingScorer()
    rows = download_rows(["ccc", "a", "bb"]).take(pa.array([2, 0, 1]))
    assert scored(folder, rows, scorer) == [2 / 64, 3 / 64, 1 / 64]
    assert scorer.asked == [(b"image at 512", "ccc"), (b"image at 2560", "a"), (b"image at 4608", "bb")]


def test_a_stored_pair_is_never_scored_again(folder):
    rows = download_rows(["a", "bb", "bad image"])
    first = scored(folder, rows, CountingScorer())
    again = CountingScorer()
    assert scored(folder, rows.take(pa.array([2, 1, 0])), again) == first[::-1] == [None, 2 / 64, 1 / 64]
    assert again.asked == []


def test_rows_that_were_added_become_a_further_part(folder):
    scored(folder, download_rows(["a", "bb"]), CountingScorer())
    scorer = CountingScorer()
    assert scored(folder, download_rows(["a", "bb", "ccc"]), scorer) == [1 / 64, 2 / 64, 3 / 64]
    assert [caption for _, caption in scorer.asked] == ["ccc"]
    parts = folder.list("staging/scores/counting-feedfeed/metadata")
    assert parts == ["metadata_00004_0000.parquet", "metadata_00004_0001.parquet"]


def test_an_interrupted_shard_is_resumed_where_it_was_stored_last(folder, monkeypatch):
    monkeypatch.setattr(score_handlers, "_ROWS_PER_PART", 3)

    class Killed(CountingScorer):
        def score_stream(self, pairs, *, embeddings=False):
            for number, result in enumerate(super().score_stream(pairs, embeddings=embeddings)):
                if number == 5:
                    raise KeyboardInterrupt
                yield result

    rows = download_rows([f"caption {at}" for at in range(8)])
    with pytest.raises(KeyboardInterrupt):
        scored(folder, rows, Killed())
    scorer = CountingScorer()
    assert scored(folder, rows, scorer) == [9 / 64] * 8
    assert [caption for _, caption in scorer.asked] == [f"caption {at}" for at in range(3, 8)]
    assert len(folder.list("staging/scores/counting-feedfeed/img_emb")) == 3


def test_another_image_under_the_same_uid_is_scored(folder):
    scored(folder, download_rows(["a", "bb"]), CountingScorer())
    scorer = CountingScorer()
    scored(folder, download_rows(["a", "bb"], image_size=[1000, 999]), scorer)
    assert [caption for _, caption in scorer.asked] == ["bb"]


def test_embeddings_that_are_wanted_later_are_made_then(folder):
    rows = download_rows(["a", "bb"])
    without = ClipModel(model="counting", keep_embeddings=False)
    scored(folder, rows, CountingScorer(), without)
    assert folder.list("staging/scores/counting-feedfeed/img_emb") == []
    scorer = CountingScorer()
    scored(folder, rows, scorer)
    assert len(scorer.asked) == 2
    scorer = CountingScorer()
    scored(folder, rows, scorer, without)
    assert scorer.asked == []


def test_rows_of_several_shards_in_one_batch(folder):
    batch = pa.concat_batches([download_rows(["a"], shard=9), download_rows(["bb"], shard=2)])
    assert scored(folder, batch, CountingScorer()) == [1 / 64, 2 / 64]
    assert folder.list("staging/scores/counting-feedfeed/metadata") == [
        "metadata_00002_0000.parquet",
        "metadata_00009_0000.parquet",
    ]


def test_progress_is_logged(folder, caplog):
    with caplog.at_level(logging.INFO, "pipelines.score_handlers"):
        scored(folder, download_rows(["a", "bb"]), CountingScorer())
        scored(folder, download_rows(["a", "bb", "ccc"]), CountingScorer())
        scored(folder, download_rows(["a", "bb"]), CountingScorer())
    assert [record.getMessage().split(" in ")[0] for record in caplog.records] == [
        "score counting: shard 00004: 2 pairs",
        "score counting: shard 00004: 1 pairs",
        "score counting: shard 00004: 2 pairs reused",
    ]


def test_a_handler_is_plain_settings(folder):
    handler = pickle.loads(pickle.dumps(ClipModelHandler(folder, CLIP)))
    assert handler.batch_elements_kwargs() == {"min_batch_size": 1, "max_batch_size": 1}
    assert handler.get_metrics_namespace() == "score"
    rows = download_rows(["a", "bb"])
    assert handler.get_num_bytes([rows, rows]) == 2 * rows.nbytes


def test_similarity_is_added_after_what_is_there():
    rows = download_rows(["a"])
    results = pa.RecordBatch.from_pylist([{"similarity": 0.5, "error": None}], schema=result_schema())
    batch = add_scores(PredictionResult(rows, results, "m"))
    assert batch.schema.names[:-1] == [*rows.schema.names, "similarity_m"]


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
    described = check_models([ClipModel(model=str(model_folder), name="tiny")])
    scorer = ClipScorer(str(model_folder))
    assert described == {
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
