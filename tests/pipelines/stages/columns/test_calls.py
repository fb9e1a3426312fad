"""Functions of a user's own, in a process of their own: what they give, raise, kill, and never end."""

from pathlib import Path

import pyarrow as pa
import pytest

from babelsift.pipelines.stages.columns.calls.call_maker import CallMaker
from babelsift.schemas import ModelError
from babelsift.schemas.recipe import Column


@pytest.fixture
def maker(module):
    """maker(function, **settings) -> a CallMaker, closed at the end."""
    made = []

    def make(function, **settings):
        column = Column(
            name="mine", by="call", call=f"{module}:{function}", **{"of": "caption", "gives": "float", **settings}
        )
        made.append(CallMaker(column))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_values_come_in_order_in_calls_of_a_batch(maker):
    made = maker("counted", setup="their_columns:prepared", options={"start": 10}, gives="integer", batch_size=2).make(
        pa.array(["a", "bb", "ccc", "", "日本"])
    )
    assert made.to_pydict() == {"": [11, 12, 13, 10, 12], "error": [None] * 5}


def test_an_exception_and_a_death_cost_their_own_rows(maker):
    made = maker("fussy").make(pa.array(["fine", "odd one", "fatal", "good"]))
    assert made.column("").to_pylist() == [2.0, None, None, 2.0]
    errors = made.column("error").to_pylist()
    assert errors[0] is None
    assert errors[3] is None
    assert errors[1].startswith("ValueError: odd: odd one (their_columns.py, line ")
    assert errors[2] == "the process has died: exit code 3"


def test_an_exception_ends_the_run_where_it_should(maker):
    with pytest.raises(ModelError, match=r"column 'mine': their_columns:fussy: raises ValueError: odd: odd one"):
        maker("fussy", on_error="stop").make(pa.array(["odd one"]))


def test_a_call_that_does_not_end_ends_the_run_with_its_name(maker):
    with pytest.raises(ModelError, match=r"column 'mine': their_columns:fussy: a call of 1 has not ended within 0.5 s"):
        maker("fussy", timeout_s=0.5).make(pa.array(["endless"]))


def test_an_answer_that_is_no_column_ends_the_run(maker):
    with pytest.raises(ModelError, match="99 values of 1 were given"):
        maker("fussy").make(pa.array(["wrong"]))


def test_a_fork_that_is_left_behind_answers_nothing(maker):
    made = maker("forking")
    for _ in range(3):
        assert made.make(pa.array(["a", "b"])).column("").to_pylist() == [1.0, 1.0]


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="only Linux has it")
def test_a_function_that_takes_all_memory_goes_before_its_worker(maker):
    own = float(Path("/proc/self/oom_score_adj").read_text())
    assert maker("expendable").make(pa.array(["a"])).column("").to_pylist()[0] > own


def test_an_integer_that_no_column_holds_ends_the_run(maker):
    with pytest.raises(ModelError, match="returned no column of 1 values: list: Python int too large"):
        maker("beyond", gives="integer").make(pa.array(["a"]))


def test_an_exception_that_cannot_say_what_it_is_costs_its_row_alone(maker):
    [error] = maker("mute").make(pa.array(["a"])).column("error").to_pylist()
    assert error.startswith("MuteError: its message cannot be shown (their_columns.py, line ")


def test_a_function_of_a_package_changes_with_any_module_of_it(tmp_path, monkeypatch):
    package = tmp_path / "whole_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "helpers.py").write_text("def twice(number):\n    return 2 * number\n")
    (package / "columns.py").write_text(
        "from whole_package.helpers import twice\n\ndef f(texts):\n    return [twice(len(t)) for t in texts.to_pylist()]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def fingerprint():
        made = CallMaker(Column(name="mine", of="caption", by="call", call="whole_package.columns:f"))
        made.close()
        return made.fingerprint

    before = fingerprint()
    assert fingerprint() == before
    (package / "helpers.py").write_text("def twice(number):\n    return 3 * number\n")
    assert fingerprint() != before


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("their_columns:nowhere", "module 'their_columns' has no function 'nowhere';"),
        ("no_such_module:f", "No module named 'no_such_module';"),
    ],
)
def test_what_is_not_there_is_said_before_a_run(module, call, said):
    with pytest.raises(ModelError, match=f"column 'mine': {call}: cannot be imported: .*{said}"):
        CallMaker(Column(name="mine", of="caption", by="call", call=call))


def test_a_setup_that_raises_is_said(maker):
    with pytest.raises(ModelError, match="setup their_columns:broken_setup raises RuntimeError: no weights"):
        maker("fussy", setup="their_columns:broken_setup").load()


def test_the_fingerprint_is_of_the_module_or_of_the_version_that_it_declares(maker, module):
    first = maker("length").fingerprint
    assert maker("length").fingerprint == first
    assert maker("length", options={"a": 1}).fingerprint != first
    module.edit("len(text) / 2", "len(text) / 3")
    second = maker("length").fingerprint
    assert second != first
    module.edit("import os\n", "import os\n__version__ = '1.2'\n")
    declared = maker("length")
    assert declared.info["version"] == "version 1.2"
    module.edit("len(text) / 3", "len(text) / 4")
    assert maker("length").fingerprint == declared.fingerprint


def test_pairs_rows_and_images_are_taken(maker):
    pairs = maker("fits", of="pair", gives="integer").make([b"12", b"3"], pa.array(["a", "bb"]))
    assert pairs.column("").to_pylist() == [3, 3]
    rows = pa.RecordBatch.from_pydict({"price": [1.0, None, 20.0]})
    assert maker("cheap", of="row", gives="integer").make(rows).column("").to_pylist() == [1, 0, 0]
