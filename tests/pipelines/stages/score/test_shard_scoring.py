"""One stream over several staging shards: what is stored is what each shard by itself would store."""

import threading

import pyarrow as pa
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.model_handlers import ClipModelHandler
from babelsift.pipelines.stages.score.shared_model import HeadedScorer
from babelsift.schemas import RunFolderError
from tests.support.counting_scorer import CLIP, CountingScorer, a_counting_scorer, download_rows, image_named_by_offset

ROOT = "staging/scores/counting-feedfeed"


class InBatches(CountingScorer):
    """Gives results by threes, across shards, and counts its streams."""

    batch_size = 3

    def __init__(self):
        super().__init__()
        self.streams = 0

    def score_stream(self, pairs, *, embeddings=False):
        self.streams += 1
        waiting = []
        for result in super().score_stream(pairs, embeddings=embeddings):
            waiting.append(result)
            if len(waiting) == 3:
                yield pa.concat_batches(waiting)
                waiting = []
        if waiting:
            yield pa.concat_batches(waiting)


def handler_for(folder, read=image_named_by_offset, rows_per_part=4):
    return ClipModelHandler(folder, CLIP, load=a_counting_scorer, read=read, rows_per_part=rows_per_part)


def stored(folder):
    return {
        f"{kind}/{name}": folder.read(f"{ROOT}/{kind}/{name}")
        for kind in ("metadata", "img_emb", "text_emb")
        for name in folder.list(f"{ROOT}/{kind}")
    }


SHARDS = [download_rows([f"caption {at} of {shard}" for at in range(rows)], shard=shard) for shard, rows in ((4, 8), (2, 1), (7, 13), (5, 6))]  # fmt: skip


def test_several_shards_are_one_stream_and_store_what_each_alone_would(tmp_path):
    together, apart = (RunFolder(str(tmp_path / name)) for name in ("together", "apart"))
    scorer = InBatches()
    found = list(handler_for(together).run_inference(SHARDS, HeadedScorer(scorer)))
    assert scorer.streams == 1
    for rows, prediction in zip(SHARDS, found, strict=True):
        (expected,) = handler_for(apart).run_inference([rows], HeadedScorer(InBatches()))
        assert prediction.example is rows
        assert prediction.inference.equals(expected.inference)
    assert stored(together) == stored(apart)
    assert sum(name.startswith("metadata/metadata_00007") for name in stored(together)) == 3  # of 6, 6 and 1


def test_rows_that_come_twice_are_scored_once(tmp_path):
    folder, scorer = RunFolder(str(tmp_path)), InBatches()
    found = list(handler_for(folder).run_inference([SHARDS[0], SHARDS[0]], HeadedScorer(scorer)))
    assert found[0].inference.equals(found[1].inference)
    assert len(scorer.asked) == 8


def test_what_was_scored_before_a_fault_is_stored(tmp_path):
    folder = RunFolder(str(tmp_path))

    def read(folder, rows):
        if rows["staging_shard"][0].as_py() == 7:
            raise RunFolderError("the tar is gone")
        return image_named_by_offset(folder, rows)

    with pytest.raises(RunFolderError, match="the tar is gone"):
        list(handler_for(folder, read).run_inference(SHARDS, HeadedScorer(InBatches())))
    scorer = InBatches()
    list(handler_for(folder).run_inference(SHARDS, HeadedScorer(scorer)))
    assert len(scorer.asked) < 28
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("read-ahead", "store-scores"))]


def test_a_fault_of_storing_ends_the_scoring(tmp_path):
    folder = RunFolder(str(tmp_path))
    (tmp_path / "staging/scores/counting-feedfeed").mkdir(parents=True)
    (tmp_path / "staging/scores/counting-feedfeed/metadata").write_text("in the way")
    with pytest.raises((RunFolderError, OSError)):
        list(handler_for(folder).run_inference(SHARDS, HeadedScorer(InBatches())))


def test_images_are_read_while_the_model_works(tmp_path):
    """The second shard's are read before the first result is asked for."""
    read_ahead = threading.Event()

    def read(folder, rows):
        if rows["staging_shard"][0].as_py() == 2:
            read_ahead.set()
        return image_named_by_offset(folder, rows)

    class Patient(InBatches):
        def score_stream(self, pairs, *, embeddings=False):
            assert read_ahead.wait(60)
            yield from super().score_stream(pairs, embeddings=embeddings)

    found = handler_for(RunFolder(str(tmp_path)), read).run_inference(SHARDS, HeadedScorer(Patient()))
    assert len(list(found)) == 4
