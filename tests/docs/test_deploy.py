"""deploy/: what it starts is what babelsift has, and its options are without mistakes.

Linters of these formats are no part of the tests: `docs/distributed.md` says which were run.
"""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.cli.main import main
from babelsift.pipelines.core.runners.cluster_options import cluster_mistakes
from babelsift.pipelines.storage.errors import PATIENCE_VARIABLE

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def containers():
    """Each container of the manifests: (file's name, container)."""
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for resource in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            spec = resource.get("spec", {}).get("template", {}).get("spec", {})
            yield from ((path.name, container) for container in spec.get("containers", []))


OURS = [(name, container) for name, container in containers() if container["image"].startswith("registry/babelsift")]


def test_a_driver_and_workers_are_there():
    assert [container["name"] for _, container in OURS] == ["workers", "driver"]


@pytest.mark.parametrize(("file", "container"), OURS)
def test_what_a_container_runs_is_a_command_with_its_options(file, container, capsys):
    program, command, *words = container["command"]
    assert program == "babelsift"
    known = _options_of(command, capsys)
    ours = [word.split("=")[0] for word in words if word.startswith("--")]
    beam = PipelineOptions(words).get_all_options(drop_default=True)
    assert [word for word in ours if word not in known and word.removeprefix("--") not in beam] == []


def test_the_drivers_options_are_without_mistakes():
    [container] = [container for _, container in OURS if container["name"] == "driver"]
    words = dict(word.removeprefix("--").split("=", 1) for word in container["command"][2:])
    beam = [f"--{name}={value}" for name, value in words.items() if name not in ("recipe", "input", "output")]
    assert cluster_mistakes(PipelineOptions(beam), [words["input"]], words["output"], needs_torch=True) == []


def test_the_image_has_every_file_that_the_package_is_made_of():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    copied = {name for line in copied for name in shlex.split(line)}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    setup = (ROOT / "setup.py").read_text()
    assert copied == let_in
    assert {"babelsift", *re.search(r"FOLDERS = \((.*)\)", setup)[1].replace('"', "").split(", ")} <= copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_environment_of_s3_is_what_clients_read():
    names = re.findall(r"^#?([A-Z0-9_]+)=", (DEPLOY / "s3.env").read_text(), re.MULTILINE)
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", PATIENCE_VARIABLE} <= set(names)


def _options_of(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    return set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
