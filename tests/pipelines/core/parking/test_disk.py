import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.core.parking import current_parking, parked_in
from babelsift.schemas import RunnerError


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=2000)), max_size=20))
def test_what_is_parked_is_read_again_whoever_parked_it_and_in_any_order(parts):
    with parked_in("/tmp") as parking:
        references = []
        for owner, content in parts:
            parking.begin(owner)
            references.append(parking.park(content))
        for reference, (_, content) in reversed(list(zip(references, parts, strict=True))):
            assert (parking.read(reference) if reference[:1] == b"\x01" else reference[1:]) == content


def test_an_owners_bytes_are_freed_and_anothers_stay(tmp_path):
    with parked_in(str(tmp_path)) as parking:
        parking.begin("first")
        parking.park(bytes(5000))
        parking.begin("second")
        kept = parking.park(b"k" * 3000)
        parking.give_back("first")
        assert parking.used_bytes == 3000
        assert parking.peak_bytes == 8000
        assert parking.read(kept) == b"k" * 3000
        parking.begin("first")  # runs once more: a file of its own
        assert parking.read(parking.park(b"n" * 400)) == b"n" * 400
    assert parking.used_bytes == 0


def test_two_jobs_of_one_process_do_not_read_each_others_files(tmp_path):
    with parked_in(str(tmp_path)) as parking, ThreadPoolExecutor(1) as other:
        parking.begin("rules")
        reference = parking.park(b"r" * 5000)
        with pytest.raises(RunnerError, match="another run is under way in this process"):
            other.submit(parked_in(str(tmp_path)).__enter__).result()
        assert parking.read(reference) == b"r" * 5000
        assert current_parking() is parking
    with parked_in(str(tmp_path)) as parking:
        assert current_parking() is parking
    assert current_parking() is None


def test_a_full_disk_is_one_line_that_names_the_folder_and_the_remedy(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with parked_in(str(tmp_path)) as parking:
        parking.begin("rules")
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))  # a write beyond it fails as on a full disk
            with pytest.raises(RunnerError, match=rf"^temporary files in {tmp_path}: .*--temp-dir$") as raised:
                parking.park(bytes(20_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(raised.value)


def test_a_folder_that_vanishes_is_one_line_for_each_who_parks(tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    with parked_in(str(folder)) as parking:
        parking.begin("rules")
        reference = parking.park(b"r" * 5000)
        parking.begin("language")
        folder.rmdir()
        for _ in range(2):  # threads of one step each come to it
            with pytest.raises(RunnerError, match=rf"^temporary files in {folder}: .*--temp-dir$"):
                parking.park(bytes(5000))
        assert parking.read(reference) == b"r" * 5000
        folder.mkdir()
        assert parking.read(parking.park(b"l" * 5000)) == b"l" * 5000


def test_a_killed_process_leaves_no_file(tmp_path):
    code = (
        "import sys, time\n"
        "from babelsift.pipelines.core.parking import parked_in\n"
        "with parked_in(sys.argv[1]) as parking:\n"
        "    parking.begin('rules'); parking.park(bytes(100_000)); print('parked', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "parked\n"
        os.kill(process.pid, signal.SIGKILL)
    assert os.listdir(tmp_path) == []
