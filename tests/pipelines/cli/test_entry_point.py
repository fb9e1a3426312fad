"""How the command's process ends."""

import subprocess
import sys

import pytest

# What it leaves behind says how far Python got in taking itself down.
_PROCESS = """
import os, sys, threading
class Left:
    def __del__(self):
        os.write(1, b"the interpreter was taken down\\n")
left = Left()
from babelsift.pipelines.cli.entry_point import run_as_process
sys.argv = ["babelsift", *sys.argv[1:]]
threading.Thread(target=lambda: (threading.main_thread().join(), print("closed"))).start()
run_as_process()
"""


@pytest.mark.parametrize(
    ("arguments", "status", "prints"),
    [
        (["recipes"], 0, "laion400m"),
        (["--help"], 0, "usage: babelsift"),
        (["why", "no-such-folder", "x"], 2, ""),
        (["nonesuch"], 2, ""),
    ],
)
def test_the_process_ends_with_the_commands_status_and_no_teardown(arguments, status, prints):
    done = subprocess.run([sys.executable, "-c", _PROCESS, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert prints in done.stdout
    assert "taken down" not in done.stdout, "threads of libraries may end the process with a signal then"
    assert "closed" in done.stdout, "what the command started comes to its end"


# Ctrl-C while a library that is written in another language is imported: it says an error of its own.
_WRAPPED = """
import signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "babelsift.pipelines.cli.main":
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt as error:
                raise ValueError("cannot build a validator") from error
sys.meta_path.insert(0, Finder())
from babelsift.pipelines.cli.entry_point import run_as_process
sys.argv = ["babelsift", "recipes"]
run_as_process()
"""


def test_an_interrupt_that_a_library_makes_another_error_of_is_an_interrupt():
    done = subprocess.run([sys.executable, "-c", _WRAPPED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (130, ["babelsift: interrupted"])
