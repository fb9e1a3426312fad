"""The completion script, in the shell that reads it."""

import os
import pty
import select
import shutil
import signal
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


class Zsh:
    """A zsh on a terminal, with the script where it looks for completions."""

    def __init__(self, home):
        self._process, self._terminal = pty.fork()
        if not self._process:
            os.chdir(home)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "HOME": str(home), "PS1": ""})
        setup = "PS1=; unsetopt zle_bracketed_paste; fpath=($PWD $fpath); autoload -U compinit; compinit -u -d dump"
        self._send(f"{setup}; print is-'ready'\n")
        self.read_until("is-ready")

    def complete(self, line, expected):
        """Types a line and a tab; returns what the terminal shows once it has what is expected."""
        self._send(f"{line}\t")
        shown = self.read_until(expected)
        self._send("\x15")  # takes the line back
        return shown

    def read_until(self, expected):
        shown = ""
        while expected not in shown:
            readable, _, _ = select.select([self._terminal], [], [], 30)
            assert readable, f"{expected!r} does not come, but {shown!r}"
            shown += os.read(self._terminal, 65_536).decode()
        return shown

    def close(self):
        os.close(self._terminal)
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)

    def _send(self, text):
        os.write(self._terminal, text.encode())


@pytest.fixture
def zsh(tmp_path, capsys):
    if shutil.which("zsh") is None:
        pytest.skip("no zsh on this machine: apt-get install zsh")
    assert main(["completion", "zsh"]) == 0
    (tmp_path / "_babelsift").write_text(capsys.readouterr().out)
    (tmp_path / "pairs.csv").write_text("")
    (tmp_path / "finished").mkdir()
    shell = Zsh(tmp_path)
    yield shell
    shell.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("babelsift cur", "curate"),
        ("babelsift curate --inp", "--input"),
        ("babelsift curate --recipe laion4", "laion400m"),
        ("babelsift curate --input pai", "pairs.csv"),
        ("babelsift curate --until dedup_p", "dedup_pairs"),
        ("babelsift status fin", "finished/"),
        ("babelsift recipes sch", "schema"),
    ],
)
def test_zsh_completes(zsh, line, expected):
    assert expected in zsh.complete(line, expected)
