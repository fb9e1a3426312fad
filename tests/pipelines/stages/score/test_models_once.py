"""A model is loaded once before and for a run of this process, and copied to other devices only to score there."""

import dataclasses

import pytest
import torch
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.filters.clip import ClipScorer, load_model
from babelsift.pipelines.core.runners.run_job import runs_in_this_process
from babelsift.pipelines.stages.score import models
from babelsift.pipelines.stages.score.models import check_models, decode_processes, load_scorer, resolve_model
from babelsift.schemas.recipe import ClipModel

DEMO = ClipModel(model="babelsift-demo", precision="fp32")


@pytest.fixture
def loads(monkeypatch):
    loaded = []

    def counted(*args, **options):
        loaded.append(args[0])
        return load_model(*args, **options)

    monkeypatch.setattr(models, "load_model", counted)
    return loaded


def test_a_checked_model_is_the_one_that_the_run_scores_with(loads):
    check_models([DEMO], keep=True)
    first = load_scorer(DEMO)
    assert len(loads) == 1
    assert load_scorer(DEMO) is not first  # handed over once
    assert len(loads) == 2


def test_a_model_that_other_processes_score_with_is_not_kept(loads):
    check_models([DEMO])
    load_scorer(DEMO)
    assert len(loads) == 2


def test_other_settings_are_another_model(loads):
    check_models([DEMO], keep=True)
    assert load_scorer(DEMO.model_copy(update={"batch_size": 8})).batch_size == 8
    load_scorer(DEMO)
    assert len(loads) == 2


def test_looking_at_a_model_copies_it_to_no_other_device():
    loaded, copied = load_model(resolve_model("babelsift-demo"), precision="fp32"), []

    class Watched(type(loaded)):
        def replicas(self):
            copied.append(True)
            return super().replicas()

    values = {field.name: getattr(loaded, field.name) for field in dataclasses.fields(loaded)}
    scorer = ClipScorer.from_loaded(Watched(**{**values, "more_devices": (torch.device("cpu"),)}))
    assert scorer.fingerprint == loaded.fingerprint
    assert len(scorer.embed_texts(["a cat"])) == 1
    assert copied == []
    scorer.score([b"x"], ["a cat"])
    assert copied == [True]


@pytest.mark.parametrize(
    ("options", "expected"),
    [([], True), (["--runner=FlinkRunner"], False), (["--direct_running_mode=multi_processing"], False)],
)
def test_which_runs_are_in_this_process(options, expected):
    assert runs_in_this_process(PipelineOptions(options)) is expected


def test_processes_decode_for_gpus_alone(monkeypatch):
    monkeypatch.setattr(models, "usable_cores", lambda: 16)
    assert [decode_processes(gpus) for gpus in (0, 1, 8)] == [0, 12, 12]
    monkeypatch.setattr(models, "usable_cores", lambda: 1)
    assert decode_processes(1) == 1
