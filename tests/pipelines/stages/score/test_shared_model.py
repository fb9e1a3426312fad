import itertools

import numpy as np
import pyarrow as pa
import pytest
from apache_beam.utils.multi_process_shared import MultiProcessShared

from babelsift.filters.clip import result_schema
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.model_handlers import ClipModelHandler
from babelsift.pipelines.stages.score.score_pairs import ScorePairs
from babelsift.pipelines.stages.score.shared_model import HeadedScorer, SharedModel, headed_scorer
from babelsift.schemas import ModelError
from babelsift.schemas.recipe import ClipModel

SHARED = ClipModel(model="a", name="m", one_copy=True, batch_size=2)
LOADED = []


class LengthScorer:
    """Scores by the caption's length, which is also what its embeddings hold."""

    fingerprint = "ab" * 32
    info = {"model": "length"}  # noqa: RUF012 (never changed)

    def score_stream(self, pairs, *, embeddings=False):
        for _, caption in pairs:
            if caption == "no number":
                raise ModelError("it gives no number (NaN); its weights are damaged")
            row = {"similarity": len(caption) / 64, "error": None}
            if embeddings:
                row |= {name: np.full(2, len(caption), np.float16) for name in ("image_embedding", "text_embedding")}
            yield pa.RecordBatch.from_pylist([row], schema=result_schema(2 if embeddings else None))


class Doubling:
    fingerprint = "d" * 64

    def score(self, embeddings):
        return 2 * embeddings[:, 0]


def length_scorer(model):
    LOADED.append(model.name)
    return LengthScorer()


def doubling(heads, scorer):
    return {"double": Doubling()}


def no_images(folder, rows):
    return [b""] * len(rows)


def stage(folder, model):
    return ScorePairs(folder, (model,), load=length_scorer, read=no_images)


@pytest.fixture
def proxy(request):
    """A model behind Beam's proxy, as worker processes see it."""
    tag = f"test-{request.node.name}"
    shared = MultiProcessShared(lambda: SharedModel(HeadedScorer(LengthScorer(), {"double": Doubling()})), tag=tag, always_proxy=True)  # fmt: skip
    yield shared.acquire()
    shared.unsafe_hard_delete()


def test_a_shared_model_scores_as_one_of_this_process(proxy):
    pairs = [(b"", "x" * length) for length in range(7)]
    local = HeadedScorer(LengthScorer(), {"double": Doubling()})
    remote = headed_scorer(proxy, 3)
    assert remote is not proxy
    assert headed_scorer(local, 3) is local
    assert (remote.scorer.fingerprint, remote.scorer.info) == (local.scorer.fingerprint, local.scorer.info)
    for embeddings in (False, True):
        found, expected = (list(one.scorer.score_stream(iter(pairs), embeddings=embeddings)) for one in (remote, local))
        assert [len(batch) for batch in found] == [3, 3, 1]
        assert pa.concat_batches(found).equals(pa.concat_batches(expected))
    assert list(remote.scorer.score_stream([])) == []
    head = remote.heads["double"]
    assert head.fingerprint == Doubling.fingerprint
    assert head.score(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist() == [2, 6]


def test_its_errors_arrive_as_they_are(proxy):
    with pytest.raises(ModelError, match="it gives no number"):
        list(headed_scorer(proxy, 2).scorer.score_stream([(b"", "a"), (b"", "b"), (b"", "no number")]))


def test_a_stream_is_read_two_chunks_ahead(proxy):
    pulled = []
    pairs = ((b"", f"{pulled.append(number) or number}") for number in itertools.count())
    results = headed_scorer(proxy, 2).scorer.score_stream(pairs)
    next(results)
    assert len(pulled) <= 6
    results.close()


def test_the_stage_loads_one_copy_and_scores_as_ever(tmp_path, image_rows, run_stage):
    found = {}
    for model in (SHARED, SHARED.model_copy(update={"one_copy": False})):
        folder = RunFolder(str(tmp_path / str(model.one_copy)))
        rows = image_rows(5, caption=["a", "bb", "ccc", "dddd", "eeeee"])
        found[model.one_copy] = [row["similarity_m"] for row in run_stage(stage(folder, model), [rows]).kept]
    assert found[True] == found[False] == [length / 64 for length in range(1, 6)]


def test_a_machine_has_one_copy_of_a_model_and_one_of_each(tmp_path):
    LOADED.clear()
    folder = RunFolder(str(tmp_path))
    other = SHARED.model_copy(update={"name": "other"})
    handlers = [ClipModelHandler(folder, model, load=length_scorer) for model in (SHARED, SHARED, other)]
    assert all(handler.share_model_across_processes() for handler in handlers)
    assert not ClipModelHandler(folder, ClipModel(model="a", name="m")).share_model_across_processes()
    shared = [MultiProcessShared(one.load_model, tag=one.model_tag(), always_proxy=True) for one in handlers]
    models = [one.acquire() for one in shared]
    assert LOADED == ["m", "other"]
    assert [headed_scorer(model, 2).scorer.info for model in models] == [LengthScorer.info] * 3
    for one in shared[1:]:
        one.unsafe_hard_delete()
