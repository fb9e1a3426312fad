import pytest
import yaml

from babelsift.pipelines.rendering import ReportData, render_card
from babelsift.pipelines.rendering.card.card import size_category
from babelsift.schemas import STAGE_ORDER, Funnel, recipe_from

# https://github.com/huggingface/hub-docs/blob/main/datasetcard.md
HUB_SIZES = [
    "n<1K",
    "1K<n<10K",
    "10K<n<100K",
    "100K<n<1M",
    "1M<n<10M",
    "10M<n<100M",
    "100M<n<1B",
    "1B<n<10B",
    "10B<n<100B",
    "100B<n<1T",
    "n>1T",
]


def funnel(languages=None, rejected=0):
    languages = {"en": 2000, "no": 10, "zh-Hant": 5, "und": 3} if languages is None else languages
    counts = {}
    total = sum(languages.values())
    for stage in ("read", "rules"):
        counts[stage, "in", ""] = counts[stage, "out", ""] = total + rejected
    counts["rules", "out", ""] = total
    counts["rules", "url_caption", ""] = rejected
    later = STAGE_ORDER[STAGE_ORDER.index("language") :]
    counts.update(
        ((stage.value, way, code), rows) for stage in later for way in ("in", "out") for code, rows in languages.items()
    )
    return Funnel.from_counts(counts).check()


def card(account=None, *, shards=3, validation_shards=0, shards_settings=None, facts=None, **settings):
    recipe = recipe_from({"name": "test-recipe", "shards": shards_settings or {}, **settings}, source="test")
    data = ReportData(recipe, funnel() if account is None else account, facts or {})
    sizes = {"samples_per_shard": 1000, "shards": shards, "validation_shards": validation_shards}
    return render_card(data, **sizes, bytes_total=1_234_567_890)


def header(text):
    start, content, _ = text.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(content)


def test_the_header_is_what_the_hub_reads():
    content = header(card())
    assert content["language"] == ["en", "no", "zh"]  # "no" is a language here, and no boolean
    assert content["license"] == "other"
    assert content["size_categories"] == ["1K<n<10K"]
    assert content["task_categories"] == ["image-to-text", "text-to-image", "zero-shot-image-classification"]
    assert content["configs"][0]["data_files"] == [{"split": "train", "path": "shards/*.tar"}]


def test_the_header_survives_a_hostile_description():
    text = card(description="---\nlicense: mit\n---\n<script>alert(1)</script> [x](javascript:alert(1))")
    assert header(text)["license"] == "other"
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert "[x](" not in text.replace("\\[x\\](", "")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(0, 0), (999, 0), (1000, 1), (9999, 1), (10_000, 2), (10**6, 4), (10**9, 7), (10**12 - 1, 9), (10**12, 10)],
)
def test_size_categories_are_the_hub_s(rows, expected):
    assert size_category(rows) == HUB_SIZES[expected]


def test_the_funnel_table_and_the_sizes():
    text = card(funnel(rejected=2))
    assert "| `rules` | 2,020 | 2 | 2,018 | 99.9 % | `url_caption` |" in text
    assert "| samples | 2,018 |" in text
    assert "| shards | 3, of 1,000 samples each; the last one may hold fewer |" in text
    assert "| size | 1.2 GB |" in text
    assert "in 3 languages" in text  # `und` is none


def test_the_snippets_name_the_shards_and_members_there_are():
    text = card(download={"encode_format": "webp"})
    assert text.count("shards/{00000000..00000002}.tar") == 2
    assert '.to_tuple("webp", "txt", "json")' in text
    assert "--train-num-samples 2018" in text
    one = card(shards=1, download={"skip_reencode": True})
    assert one.count("shards/00000000.tar") == 2
    assert '.to_tuple("jpg;png;webp", "txt", "json")' in one


def test_a_column_a_model_and_none_without():
    assert "| `similarity_b_32` | float | cosine, -1 to 1, of ViT-B-32 laion2b" in card(
        clip={"model": "ViT-B-32", "pretrained": "laion2b", "name": "b_32"}
    )
    text = card()
    assert "`similarity_" not in text
    assert "No CLIP model scored the pairs" in text


def test_the_demo_model_is_named_as_one():
    assert "This is a demonstration" in card(clip={"model": "babelsift-demo"})
    assert "demo" not in card(clip={"model": "ViT-B-32"})


def test_opt_outs():
    honoured = card(download={"user_agent_token": "ourbot"})
    assert "`noai`, `noimageai`, `noindex`, `noimageindex`, `noml` to everyone or to `ourbot` was not kept" in " ".join(
        honoured.split()
    )
    ignored = card(download={"disallowed_header_directives": []})
    assert "**Opt-outs were not honoured**" in ignored
    assert "Opt-outs were honoured" not in ignored
    assert "Heard as well: TDMRep's `tdm-reservation` header; " in honoured
    assert "**Not heard**: what a robots.txt that is asked for tells" in honoured
    every = {"robots_txt": True, "opt_outs": {"tdmrep_json": True, "ai_txt": True}}
    assert "Not heard" not in card(download=every)
    some = card(download={"opt_outs": {"content_usage": False, "x_robots_tag": False}})
    assert "**Not heard**: AIPREF's `Content-Usage` header, and its lines in a robots.txt that is asked for" in some
    assert "**Opt-outs were not honoured**" in some
    assert "what crawled pages say of themselves" in card(download=every, read={"page_opt_outs": False})
    assert "**Not heard**: TDMRep" in card(facts={"downloaded with": "img2dataset 1.47"})


def test_facts_cannot_break_their_table():
    text = card(facts={"input": "a|b`c\nd"})
    assert "| input | `a\\|b'c d` |" in text


def test_nothing_kept():
    text = card(Funnel.from_counts({}), shards=0)
    content = header(text)
    assert "language" not in content
    assert "configs" not in content
    assert content["size_categories"] == ["n<1K"]
    assert "there are no shards" in text
    assert "How to load it" not in text


def test_same_data_same_card():
    assert card() == card()


def test_validation_and_embeddings_are_told():
    shards = {"validation_fraction": 0.01, "embeddings": True}
    text = card(clip={"model": "ViT-B-32"}, shards_settings=shards, validation_shards=2)
    assert header(text)["configs"][0]["data_files"] == [
        {"split": "train", "path": "shards/*.tar"},
        {"split": "validation", "path": "validation/*.tar"},
    ]
    assert "| validation | 2 more shards in `validation/`: 0.01 of all pairs, by their uid alone |" in text
    assert "| embeddings | `embeddings/`" in text
