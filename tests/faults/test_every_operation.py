"""Every operation of a run on its files fails once, as SQLite's tests do it: one line, and the same command mends it.

A folder after a fault is told from others by what is in it: the same command is run again once for each such state.
"""

import errno
import hashlib
import itertools
import json
import shutil
from dataclasses import dataclass, field

import pytest

from babelsift.pipelines.storage.store import is_temporary
from babelsift.schemas import Recipe
from babelsift.schemas.recipe import CaptionRules
from tests.support.faulty_disk import FaultyDisk
from tests.support.hostile_web import HostileWeb
from tests.support.small_run import RECIPE, babelsift, product, write_pairs, write_recipe

ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "timeout": errno.ETIMEDOUT}
# All captions are shorter, so no image is asked for.
NOTHING_KEPT = Recipe(name="nothing", captions=CaptionRules(min_characters=1000))
PARTS = 4  # of all operations, a test each, so that they run side by side


@dataclass
class Trial:
    """A command that is run again and again, each time on a folder of its own."""

    command: list
    home: object
    numbers: int = 0
    ends: dict = field(default_factory=dict)

    def __post_init__(self):
        first, second = self.record(), self.record()
        self.operations = [operation for operation in first if operation in set(second)]

    def folder(self):
        self.numbers += 1
        return self.home / "data" / "out"

    def run(self):
        return babelsift(*self.command, "--output", str(self.folder()))

    def record(self):
        """The operations of a run in which nothing fails, and its product."""
        self.clean()
        disk = FaultyDisk(str(self.home / "data"))
        with disk.watching():
            assert self.run().code == 0
        self.expected = product(str(self.folder()))
        return disk.done

    def clean(self):
        shutil.rmtree(self.folder(), ignore_errors=True)

    def fail(self, operation, code, *, lasting=False):
        """Runs with a fault, then without; returns whether it came to the fault."""
        self.clean()
        disk = FaultyDisk(str(self.home / "data"), (operation, code), lasting)
        with disk.watching():
            said = self.run()
        what = f"{operation} with {errno.errorcode[code]}: {said.log}"
        assert "Traceback" not in said.log, what
        assert len(said.lines) == (said.code != 0), what
        found = {path: part for path, part in product(str(self.folder())).items() if not is_temporary(path)}
        if said.code == 0:
            assert found == self.expected, what
        state = state_of(self.folder())
        if state not in self.ends:
            again = self.run()
            assert again.code == 0, f"{what}\nand then: {again.log}"
            assert product(str(self.folder())) == self.expected, what
            self.ends[state] = operation
        return disk.met


def state_of(folder):
    """A digest of all in a folder but for times, tokens and the order of what goes on side by side."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(folder))
            digest.update((".writing" if is_temporary(name) else name).encode())
            digest.update(hashlib.sha256(timeless(path)).digest())
    return digest.hexdigest()


def timeless(path):
    content = path.read_bytes()
    if path.suffix != ".json" or is_temporary(path.name):
        return content
    try:
        values = json.loads(content)
    except ValueError:
        return content
    for name in ("run", "start_time", "end_time", "duration", "token", "pid", "since", "at", "beats"):
        values.pop(name, None)
    return json.dumps(values, sort_keys=True).encode()


@pytest.fixture
def trial(tmp_path, monkeypatch):
    """trial(recipe, pairs) -> Trial"""
    monkeypatch.setenv("BABELSIFT_STORAGE_PATIENCE_S", "0.02")
    with HostileWeb() as web:

        def make(recipe, pairs):
            write_pairs(web, tmp_path / "data" / "pairs.parquet", pairs)
            recipe_file = write_recipe(tmp_path / "recipe.yaml", recipe)
            source = ["--recipe", recipe_file, "--input", str(tmp_path / "data" / "pairs.parquet")]
            return Trial(["curate", *source], tmp_path)

        yield make


def one_a_site(operations):
    """The first operation of each line of ours that asks for one."""
    sites = {}
    for operation in operations:
        sites.setdefault((operation.name, operation.site), operation)
    return list(sites.values())


def test_one_fault_a_call_site(trial):
    tried = trial(NOTHING_KEPT, 5)
    sites = one_a_site(tried.operations)
    assert len(sites) > 15
    for operation, code in zip(sites, itertools.cycle(ERRORS.values())):
        assert tried.fail(operation, code), operation


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_operation_once_with_every_error(trial, part):
    tried = trial(RECIPE, 5)
    chosen = tried.operations[part::PARTS]
    met = sum(tried.fail(operation, code) for operation in chosen for code in ERRORS.values())
    print(f"{met} faults in {len(chosen)} of {len(tried.operations)} operations; {len(tried.ends)} states mended")
    assert met > 0.9 * len(chosen) * len(ERRORS), "the others are done in another order, or as often as it happens"
    assert len(tried.operations) > 250


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
def test_a_disk_that_is_full_from_any_write_on(trial):
    tried = trial(RECIPE, 5)
    writes = [operation for operation in tried.operations if operation.name in ("write", "replace", "makedirs")]
    for operation in writes:
        tried.fail(operation, errno.ENOSPC, lasting=True)
