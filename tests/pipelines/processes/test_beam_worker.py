import os
import signal
import subprocess
import sys

import pytest

RUNNER = """
import os, time
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from babelsift.pipelines.core.runners.run_job import run_job

class Job(beam.PTransform):
    def expand(self, pbegin):
        return pbegin | beam.Create([1]) | beam.Map(stand_still)

def stand_still(element):
    import os, time
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(1000)

run_job(Job(), "Job", PipelineOptions(["--direct_running_mode", "multi_processing", "--direct_num_workers", "2"]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the signal at a parent's death is Linux's")
def test_workers_of_a_killed_runner_end_with_it():
    """They are found by what they write to: its end comes when all are gone, and a stopped one cannot end by itself."""
    command = [sys.executable, "-c", RUNNER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as runner:
        worker = int(runner.stdout.readline())
        assert worker != runner.pid
        os.kill(worker, signal.SIGSTOP)
        runner.kill()
        assert runner.stdout.read() == b""
