"""Children that end with their parent: killed itself, it can end no one.

A test reads the pipe that a parent and its children write to until its end, which comes when all of them are gone. The
children are stopped, so that none of them can see anything and end by itself.
"""

import os
import signal
import subprocess
import sys

import pytest

from babelsift.pipelines.processes import start_child

CHILD = """
import os, sys, time
if sys.argv[2] == "elsewhere":
    sys.platform = "elsewhere"
from babelsift.pipelines.processes import end_with_parent
end_with_parent(int(sys.argv[1]))
print(os.getpid(), flush=True)
time.sleep(1000)
"""
# Starts a child in a thread that ends at once.
PARENT = f"""
import os, sys, threading, time
from babelsift.pipelines.processes import start_child
command = [sys.executable, "-c", {CHILD!r}, str(os.getpid()), sys.argv[1]]
thread = threading.Thread(target=start_child, args=[command])
thread.start()
thread.join()
time.sleep(1000)
"""


# Starts a child by a thread that ends once the child has seen to its end, then tells it to go on.
PARENT_WITH_POOLS_THREAD = """
import subprocess, sys, threading
child = None
def start():
    global child
    child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stderr.read(1)
thread = threading.Thread(target=start)
thread.start()
thread.join()
child.stdin.write(b"go on\\n")
child.stdin.flush()
child.wait()
"""
CHILD_OF_ANY_THREAD = """
import os, sys, time
from babelsift.pipelines.processes import end_soon_after_parent
end_soon_after_parent(os.getppid())
os.write(2, b"!")
print(sys.stdin.readline(), end="", flush=True)
time.sleep(1000)
"""


def started(program, *arguments):
    return subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the signal at a parent's death is Linux's")
def test_a_child_that_can_do_nothing_ends_with_its_parent():
    with started(PARENT, "linux") as parent:
        child = int(parent.stdout.readline())
        os.kill(child, signal.SIGSTOP)
        parent.kill()
        assert parent.stdout.read() == b""


def test_without_that_signal_a_child_looks_for_its_parent():
    with started(PARENT, "elsewhere") as parent:
        parent.stdout.readline()
        parent.kill()
        assert parent.stdout.read() == b""


def test_a_child_outlives_the_thread_that_started_it_and_not_the_process():
    """As the workers of a pool of `multiprocessing` do, which would stand still for ever if one died with a lock."""
    with started(PARENT_WITH_POOLS_THREAD, CHILD_OF_ANY_THREAD) as parent:
        assert parent.stdout.readline() == b"go on\n"
        parent.kill()
        assert parent.stdout.read() == b""


def test_a_child_whose_parent_is_gone_before_it_looks_ends_at_once():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with started(CHILD, str(gone.pid), "linux") as child:
        assert child.stdout.read() == b""
    assert child.returncode == 1


def test_a_program_that_is_not_there_is_an_error_where_it_was_asked_for():
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        start_child(["/no-such-program"])
