"""Beside other people's packages: no name but `babelsift` is ours."""

import pytest

from tests.support.installation import run_uv, succeeded


@pytest.fixture(scope="module")
def beside_phx_filters(installation):
    """`phx-filters` installs a package `filters`; without what it needs, which would widen the environment."""
    run_uv("pip", "install", "--quiet", "--python", installation.python, "--no-deps", "phx-filters")
    yield installation
    run_uv("pip", "uninstall", "--quiet", "--python", installation.python, "phx-filters")


def test_another_distribution_may_install_filters(beside_phx_filters, tmp_path):
    tops = "import importlib.util as u; print(u.find_spec('filters').origin, u.find_spec('babelsift.filters').origin)"
    theirs, ours = succeeded(beside_phx_filters.run_python("-c", tops, cwd=tmp_path)).split()
    assert theirs.endswith("site-packages/filters/__init__.py")
    assert ours.endswith("site-packages/babelsift/filters/__init__.py")
    assert "laion400m" in succeeded(beside_phx_filters.babelsift("recipes", cwd=tmp_path))


def test_uninstalling_it_takes_nothing_of_ours(beside_phx_filters, tmp_path):
    run_uv("pip", "uninstall", "--quiet", "--python", beside_phx_filters.python, "phx-filters")
    imports = "import babelsift.filters.text, babelsift.schemas, babelsift.pipelines.cli.main"
    succeeded(beside_phx_filters.run_python("-c", imports, cwd=tmp_path))


def test_a_notebooks_own_folders_shadow_nothing(installation, tmp_path):
    mine = "schemas"
    (tmp_path / mine).mkdir()
    (tmp_path / mine / "__init__.py").write_text("MINE = True\n")
    code = f"import {mine}, babelsift; print({mine}.MINE, babelsift.schemas.__name__, babelsift.__version__)"
    assert succeeded(installation.run_python("-c", code, cwd=tmp_path)).split() == [
        "True",
        "babelsift.schemas",
        "0.1.0",
    ]
