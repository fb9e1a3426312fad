"""The pages: what they link to is there, and the files that people look for are as their programs want them."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_module_or_folder_that_is_gone(page):
    """Paths below the package's folders, as pages write them in code."""
    text = page.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:filters|pipelines|schemas|tests|benchmarks|examples|tools)/[\w/.]*)`", text)
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_citation_says_the_version_that_is_installed():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert f'version="{citation["version"]}"' in (ROOT / "setup.py").read_text(encoding="utf-8")
    assert {"title", "authors", "license", "message"} <= set(citation)


def test_github_runs_what_ci_runs():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    ran = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in workflow["jobs"].items()}
    assert ran == {"ci": [".ci/run"], "flink": ["make flink-test"]}
    commands = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert [line for line in commands if line.startswith("make ")] == [
        "make lint",
        "make test",
        "make test-slow ARGS=\"-m 'slow and not exhaustive'\"",
    ]
