import itertools
import threading

import pytest

from babelsift.pipelines.stages.score.feed import ReadAhead


def test_items_come_in_order():
    assert list(ReadAhead(range(100), 3)) == list(range(100))
    assert list(ReadAhead([], 1)) == []


def test_it_reads_so_far_ahead_and_no_further():
    pulled, enough = [], threading.Event()

    def items():
        for number in itertools.count():
            pulled.append(number)
            if len(pulled) == 4:
                enough.set()
            yield number

    ahead = ReadAhead(items(), 2)
    assert next(ahead) == 0
    assert enough.wait(60)
    ahead.close()
    assert len(pulled) == 4


def test_an_error_comes_in_its_place():
    def items():
        yield 1
        raise OSError("the disk is gone")

    ahead = ReadAhead(items(), 2)
    assert next(ahead) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)


def test_it_leaves_no_thread_behind():
    ahead = ReadAhead(itertools.count(), 2)
    next(ahead)
    ahead.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]
