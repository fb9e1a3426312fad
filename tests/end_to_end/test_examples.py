"""The examples in the README and in docs/ run as they stand."""

import re
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

_ROOT = Path(__file__).resolve().parents[2]
# One wants a finished run: `tests/pipelines/inspection/test_finished.py` runs it.
_DOCUMENTS = [_ROOT / "README.md", *sorted(set((_ROOT / "docs").glob("*.md")) - {_ROOT / "docs" / "python.md"})]
_EXAMPLES = [
    pytest.param(code, id=f"{document.name}-{number}")
    for document in _DOCUMENTS
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL))
]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with the files that the examples name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs").mkdir()
    captions = ["a dog on a red sofa", "a dog on a red sofa", "ein Hund auf einem roten Sofa", "too short"]
    urls = ["http://x/1.jpg", "http://x/1.jpg", "http://x/2.jpg", "http://x/3.jpg"]
    pq.write_table(pa.table({"URL": urls, "TEXT": captions}), "pairs/a.parquet")
    (tmp_path / "entries.json").write_text('["dog", "Hund"]')
    cv2.imwrite("cat.jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("code", _EXAMPLES)
def test_examples_run(workplace, code, capsys):
    exec(compile(code, "example", "exec"), {"__name__": "example"})
    printed = capsys.readouterr().out
    if "Print" in code:
        assert printed.count("'uid'") == 3
        assert "too_few_words" in printed
    if "Matches" in code:
        assert printed.splitlines() == ["[0]", "[0]", "[1]"]


def test_there_are_examples():
    assert len(_EXAMPLES) >= 3
