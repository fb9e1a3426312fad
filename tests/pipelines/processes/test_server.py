import os

from babelsift.pipelines.processes.server import RunningServer


def test_an_interrupt_of_the_terminal_is_not_for_it():
    server = RunningServer("builtins", "int")
    assert os.getpgid(server.pid) == server.pid != os.getpgid(0)
    server.end()
