"""Scoring rows as a model handler: what is stored is not scored again."""

import logging
import pickle

import pyarrow as pa
import pytest
from apache_beam.ml.inference.base import PredictionResult

from babelsift.filters.clip import result_schema
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.model_handlers import ClipModelHandler
from babelsift.pipelines.stages.score.run_models import add_scores
from babelsift.pipelines.stages.score.shared_model import HeadedScorer
from babelsift.schemas.recipe import ClipModel
from tests.support.counting_scorer import CLIP, CountingScorer, a_counting_scorer, download_rows, image_named_by_offset


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path))


def handler_for(folder, model=CLIP, **settings):
    return ClipModelHandler(folder, model, load=a_counting_scorer, read=image_named_by_offset, **settings)


def scored(folder, rows, scorer, model=CLIP, **settings):
    (prediction,) = handler_for(folder, model, **settings).run_inference([rows], HeadedScorer(scorer))
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


def test_an_interrupted_shard_is_resumed_where_it_was_stored_last(folder):
    parts_of_3 = {"rows_per_part": 3}

    class Killed(CountingScorer):
        def score_stream(self, pairs, *, embeddings=False):
            for number, result in enumerate(super().score_stream(pairs, embeddings=embeddings)):
                if number == 5:
                    raise KeyboardInterrupt
                yield result

    rows = download_rows([f"caption {at}" for at in range(8)])
    with pytest.raises(KeyboardInterrupt):
        scored(folder, rows, Killed(), **parts_of_3)
    scorer = CountingScorer()
    assert scored(folder, rows, scorer, **parts_of_3) == [9 / 64] * 8
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
    with caplog.at_level(logging.INFO, "babelsift.pipelines.stages.score.model_handlers"):
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
    assert handler.batch_elements_kwargs() == {"min_batch_size": 8, "max_batch_size": 8}
    assert handler.get_metrics_namespace() == "score"
    rows = download_rows(["a", "bb"])
    assert handler.get_num_bytes([rows, rows]) == 2 * rows.nbytes


def test_similarity_is_added_after_what_is_there():
    rows = download_rows(["a"])
    results = pa.RecordBatch.from_pylist([{"similarity": 0.5, "error": None}], schema=result_schema())
    batch = add_scores(PredictionResult(rows, results, "m"))
    assert batch.schema.names[:-1] == [*rows.schema.names, "similarity_m"]
