"""docs/recipes.md lists every setting that a recipe may have, as the settings' classes say it."""

import pytest

from tools.recipe_page import PAGE, page_with_tables


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_the_page_says_what_the_settings_say_of_themselves(page):
    assert page_with_tables(page) == page, "python -m tools.recipe_page writes the tables anew"


def test_a_row_that_differs_is_written_anew_and_one_that_is_missing_comes_back(page):
    changed = page.replace("| `min_words` | `null` | words;", "| `min_words` | `3` | verbs;")
    assert changed != page
    assert page_with_tables(changed) == page
    assert page_with_tables(page.replace("| `max_words` | `null` | words |\n", "")) == page


@pytest.mark.parametrize("heading", ["## `captions`", "## `select.caps`"])
def test_a_group_without_a_table_of_its_own_is_an_error(page, heading):
    with pytest.raises(ValueError, match=r"docs/recipes\.md: no "):
        page_with_tables(page.replace(f"{heading}\n", "## `another`\n"))
