"""Wikipedia's WIT as it is published, by the preset and by the command of docs/sources.md."""

import csv
import gzip
import json
import re
from pathlib import Path

import pytest

from babelsift.pipelines.inputs.columns import parse_columns
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.job.plan import plan_run
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.schemas import RecipeError
from benchmarks.workloads.wit_tables import COLUMNS
from tests.support.hostile_web import LOOPBACK_ONLY, answer, encoded, photo
from tests.support.input_rows import read_rows
from tests.support.small_run import babelsift, write_recipe

SOURCES = Path(__file__).parents[2] / "docs" / "sources.md"
# Language, image, reference, attribution, alt text, page title.
ROWS = [
    ("en", 0, "A dog runs", "English: A dog of the breed", "dog", "Dog"),
    ("de", 0, "", "Deutsch: Ein Hund\nder Rasse", "Hund", "Hund"),
    ("zh-TW", 0, "", "", "一隻狗", "狗"),
    ("iw", 1, "", "", "", "כלב הבית"),
    ("lah", 1, 'he said "کتا"', "", "", "کتا"),
    ("nv", 1, "", "", "", ""),
]


def write_table(path, urls):
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n", restval="")
        table.writeheader()
        for number, (language, image, *texts) in enumerate(ROWS):
            reference, attribution, alt, title = texts
            said = {"caption_reference_description": reference, "caption_attribution_description": attribution}
            said |= {"caption_alt_text_description": alt, "page_title": title, "is_main_image": "true"}
            said |= {"mime_type": "image/jpeg", "original_height": "400", "original_width": "500"}
            page = f"https://{language}.wikipedia.org/wiki/{number}"
            table.writerow({"language": language, "page_url": page, "image_url": urls[image], **said})


def columns_of_the_page():
    """What the page's command says after --columns, its lines joined."""
    section = SOURCES.read_text().partition("## Wikipedia's images (WIT)")[2].partition("\n## ")[0]
    return re.search(r"--columns (\S+)", section.replace("\\\n    ", ""))[1]


def test_of_each_row_the_first_text_that_there_is_with_its_language(tmp_path):
    write_table(tmp_path / "wit_v1.train.all-00000-of-00010.tsv.gz", ["https://up.org/0.jpg", "https://up.org/1.jpg"])
    assert columns_of_the_page() == load_recipe("wit").read.columns
    plan = plan_input([str(tmp_path / "wit_v1.train.all-*.tsv.gz")], columns=parse_columns(columns_of_the_page()))
    found = read_rows(plan)
    pairs = found.pairs
    assert [(row["text_language"], row["caption"], row["text_source"]) for row in pairs] == [
        ("en", "A dog runs", "caption_reference_description"),
        ("de", "Deutsch: Ein Hund\nder Rasse", "caption_attribution_description"),
        ("zh-TW", "一隻狗", "caption_alt_text_description"),
        ("iw", "כלב הבית", "page_title"),
        ("lah", 'he said "کتا"', "caption_reference_description"),
    ]
    assert pairs[0]["page_url"] == "https://en.wikipedia.org/wiki/0"
    rejected = [row["reason"] for row in found.ledger]
    assert rejected == ["missing_caption"]


def test_the_preset_gives_a_sample_an_image_with_its_texts_in_their_languages(tmp_path, hostile_web):
    bodies = {f"/{number}.jpg": encoded(photo(number, (160, 120))) for number in range(2)}
    write_table(tmp_path / "wit.tsv.gz", [hostile_web.on(path, answer(body)) for path, body in bodies.items()])
    preset = load_recipe("wit")
    download = preset.download.model_copy(update={"image_size": 64, **LOOPBACK_ONLY})
    language = preset.language.model_copy(update={"report_min_texts": 1})
    recipe = write_recipe(
        tmp_path / "recipe.yaml", preset.model_copy(update={"download": download, "language": language})
    )
    said = babelsift(
        "curate", "--recipe", recipe, "--input", str(tmp_path / "wit.tsv.gz"), "--output", str(tmp_path / "out")
    )
    assert said.code == 0, said.log
    funnel = json.loads((tmp_path / "out" / "funnel.json").read_text())
    assert (funnel["source_rows"], funnel["kept_rows"], hostile_web.total_requests) == (6, 5, 2)
    assert set(funnel["stages"][-1]["by_language"]) == {"en", "de", "zh", "he", "lah"}
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| samples | 2 |" in card
    assert "| texts | 5:" in card
    assert "5 of them have at least 1 texts: de, en, he, lah, zh." in card
    report = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "5 of them have at least 1 texts: de, en, he, lah, zh." in report
    assert "<div><dt>images kept</dt><dd>2</dd></div>" in report


@pytest.mark.parametrize("source", ["believe", "check"])
def test_languages_that_no_column_says_are_an_error_before_the_run(source, tmp_path):
    (tmp_path / "a.csv").write_text("url,caption\nhttps://up.org/0.jpg,a dog\n")
    preset = load_recipe("wit")
    recipe = preset.model_copy(update={"language": preset.language.model_copy(update={"source": source})})
    with pytest.raises(RecipeError, match=f"language.source is {source}, and no column of the input says"):
        plan_run(
            recipe,
            [str(tmp_path / "a.csv")],
            str(tmp_path / "out"),
            columns=parse_columns("url=url,caption=caption"),
        )
