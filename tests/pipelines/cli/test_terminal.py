"""What people meet at the terminal: slips, pipes that close, Ctrl-C."""

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

from babelsift.pipelines.cli.main import main
from babelsift.schemas import Recipe, dump_recipe
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import LOOPBACK_ONLY

COMMAND = [sys.executable, "-m", "babelsift"]


@pytest.fixture
def pairs(tmp_path):
    (tmp_path / "pairs.csv").write_text("URL,TEXT\nhttp://example.invalid/1.jpg,a dog on a sofa\n")
    return str(tmp_path / "pairs.csv")


def told(capsys, *words):
    """(exit status, what was said in one line)"""
    status = main(words)
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return status, error.strip()


def test_a_bare_command_prints_the_help(capsys):
    assert main([]) == 0
    bare = capsys.readouterr().out
    assert main(["help"]) == 0
    assert capsys.readouterr().out == bare
    assert all(word in bare for word in ("curate", "exit status:", "130", "141", "examples:"))


def test_help_of_a_command_is_that_commands_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["why", "--help"])
    asked = capsys.readouterr().out
    assert main(["help", "why"]) == 0
    assert capsys.readouterr().out == asked
    assert "UID_OR_URL" in asked


def test_the_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.startswith("babelsift 0.")


CURATE = ("curate", "--recipe", "datacomp-basic", "--input", "PAIRS", "--output", "OUT")
WORKERS = ("--environment_type", "EXTERNAL", "--environment_config", "localhost:50000")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("curat",), "no command 'curat'; did you mean 'curate'?"),
        (("help", "wy"), "no command 'wy'; did you mean 'why'?"),
        (("--foo",), "unknown option '--foo'"),
        (("recipes", "shwo"), "invalid choice: 'shwo'; did you mean 'show'?"),
        (("recipes", "show", "demo", "--sett", "x=1"), "unknown option '--sett'; did you mean '--set'?"),
        (("curate", "--until", "reed"), "invalid choice: 'reed'; did you mean 'read'?"),
        ((*CURATE, "--set", "captions.min_wrods=2"), "--set: unknown setting 'captions.min_wrods'; did you mean"),
        ((*CURATE, "--set", "captions.min_words"), "--set captions.min_words: write it as GROUP.SETTING=VALUE"),
        (("demo", "--output", "OUT", "--pairs", "60"), "--pairs: '60' is no number of at least 100"),
        (("completion", "powershell"), "invalid choice: 'powershell'; there are bash, zsh"),
        (("why",), "the following arguments are required: OUT, UID_OR_URL; see `babelsift why --help`"),
        (("concepts", "x", "--fewer-then", "3"), "unknown option '--fewer-then'; did you mean '--fewer-than'?"),
        ((*CURATE, "--dryrun"), "unknown option '--dryrun'; did you mean '--dry-run'?"),
        ((*CURATE, "--dry_run"), "unknown option '--dry_run'; did you mean '--dry-run'?"),
        ((*CURATE, "--retry_failed=all"), "did you mean '--retry-failed'?"),
        (("curate", "--recipe", "x", "--outptu=OUT"), "unknown option '--outptu=OUT'; did you mean '--output'?"),
        ((*CURATE, "--flink_mastr", "x"), "did you mean '--flink_master'?"),
        ((*CURATE, "--direct_num_workers", "many"), "invalid int value: 'many'"),
        ((*CURATE, "stray"), "what is 'stray' for?"),
        ((*CURATE, "--runner", "Nonesuch"), "no runner 'Nonesuch'; there are local, FlinkRunner"),
        ((*CURATE, "--runner", "FlinkRuner"), "no runner 'FlinkRuner'; did you mean 'FlinkRunner'?"),
        ((*CURATE, *WORKERS, "--runner", "PortableRunner"), "no --job_endpoint"),
        (
            (*CURATE, *WORKERS, "--runner", "PortableRunner", "--job_endpoint", "127.0.0.1:1"),
            "no job server answers there",
        ),
        ((*CURATE, *WORKERS, "--runner", "FlinkRunner", "--job_endpoint", "nowhere"), "no job server answers there"),
        ((*CURATE, "--runner", "DataflowRunner"), "--project: is missing, and Dataflow needs it"),
        (("ngrams", "--input", "PAIRS", "--output", "OUT", "--runner", "Nonesuch"), "no runner 'Nonesuch'"),
    ],
)
def test_a_slip_is_one_line_with_the_remedy(tmp_path, pairs, capsys, words, message):
    places = {"PAIRS": pairs, "OUT": str(tmp_path / "out")}
    status, line = told(capsys, *(places.get(word, word) for word in words))
    assert (status, line[:11]) == (2, "babelsift: ")
    assert message in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [("recipes",), ("recipes", "show", "demo"), ("--help",), ("help", "curate"), ("--version",), ("curate", "--help")],
)
def test_output_that_nobody_reads_is_no_error(words):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*COMMAND, *words], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no device that is full")
def test_output_that_cannot_be_written_is_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, "recipes"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "babelsift: cannot write to standard output: No space left on device\n"


def test_output_whose_encoding_lacks_a_character_says_it_plainly(tmp_path):
    names = "\u2588\u2591 caf\xe9 \u732b \U0001f408"
    process = f"""
import sys
from babelsift.pipelines.cli import main as command
command.main = lambda: print({names!r}) or 0
from babelsift.pipelines.cli.entry_point import run_as_process
run_as_process()
"""
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", process], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"#- caf\xe9 \\u732b \\ud83d\\udc08\n"


_INTERRUPTED_IMPORT = """
import sys
class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == "{module}":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
sys.argv = ["babelsift", "recipes"]
from babelsift.pipelines.cli.entry_point import run_as_process
run_as_process()
"""


@pytest.mark.parametrize("module", ["babelsift.pipelines.cli.main", "pydantic", "babelsift.schemas.recipe"])
def test_an_interrupt_while_modules_are_imported_is_one_line(module):
    code = _INTERRUPTED_IMPORT.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "babelsift: interrupted\n")


def test_an_interrupt_while_downloading_is_one_line_and_ends_at_once(tmp_path, hostile_web):
    """Ctrl-C goes to every process of the terminal's group: to those that fetch and decode, too."""
    is_asked = threading.Event()

    async def never(request):
        is_asked.set()
        await asyncio.Event().wait()

    hostile_web.on_any(never)
    rows = "".join(f"{hostile_web.url(f'/{n}.jpg')},a dog on a sofa number {n}\n" for n in range(40))
    (tmp_path / "pairs.csv").write_text(f"URL,TEXT\n{rows}")
    download = DownloadSettings(timeout_s=600.0, total_timeout_s=600.0, **LOOPBACK_ONLY)
    (tmp_path / "recipe.yaml").write_text(dump_recipe(Recipe(name="endless", download=download)))
    words = ["--recipe", str(tmp_path / "recipe.yaml"), "--input", str(tmp_path / "pairs.csv")]
    words += ["--output", str(tmp_path / "out")]
    process = subprocess.Popen(
        [*COMMAND, "curate", *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    while not is_asked.wait(0.1):
        assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGINT)
    output, error = process.communicate()
    assert process.returncode == 130
    assert output == ""
    assert [line for line in error.splitlines() if not line[:1].isdigit()] == [
        "babelsift: interrupted; the same command goes on from here"
    ]
