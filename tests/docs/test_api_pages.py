"""The pages of the API."""

import pytest

import babelsift
from tools.api_pages import write_pages


@pytest.mark.slow
def test_every_public_name_has_its_docstring_on_a_page(tmp_path):
    assert write_pages(tmp_path) == []
    page = (tmp_path / "babelsift.html").read_text(encoding="utf-8")
    for name in set(babelsift.__all__) - {"filters", "schemas"}:
        assert f'id="{name}"' in page
    text = (tmp_path / "babelsift" / "filters" / "text.html").read_text(encoding="utf-8")
    assert "has_min_words" in text
    assert "minimum" in text
