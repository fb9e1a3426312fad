"""The completion script, in the shell that reads it."""

import shutil
import subprocess

import pytest

from babelsift.pipelines.cli.main import main


@pytest.fixture
def bash(tmp_path, capsys):
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    (tmp_path / "pairs.csv").write_text("")
    (tmp_path / "run").mkdir()

    def complete(*words):
        """What the shell offers for the last word."""
        asked = " ".join(f"{word!r}" for word in words)
        code = f"source {script}; COMP_WORDS=({asked}); COMP_CWORD={len(words) - 1}; _shtab_babelsift"
        code += "; printf '%s\\n' \"${COMPREPLY[@]}\""
        done = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    return complete


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("babelsift", "cur"), {"curate"}),
        (("babelsift", "curate", "--inp"), {"--input"}),
        (("babelsift", "curate", "--recipe", "laion4"), {"laion400m"}),
        (("babelsift", "curate", "--input", "pai"), {"pairs.csv"}),
        (("babelsift", "curate", "--until", "dedup_p"), {"dedup_pairs"}),
        (("babelsift", "status", "ru"), {"run"}),
        (("babelsift", "recipes", "sch"), {"schema"}),
        (("babelsift", "demo-"), set()),
    ],
)
def test_commands_options_presets_and_paths_are_offered(bash, words, offered):
    assert bash(*words) == offered


def test_zsh_finds_the_script_by_its_first_line(capsys):
    assert main(["completion", "zsh"]) == 0
    script = capsys.readouterr().out
    assert script.startswith("#compdef babelsift")
    assert "_babelsift_presets" in script
