"""A product is replaced by a finished one only: whatever moment the run dies at, the same command ends at the same bytes."""

import itertools

import pytest

from babelsift.pipelines.run_folder.manifest import Manifest, read_manifest, save_manifest
from babelsift.pipelines.run_folder.paths import CARD, FUNNEL, RECIPE
from babelsift.pipelines.run_folder.product import Product
from babelsift.pipelines.run_folder.replacement import ShrinkGuard, finish_replacement
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.pipelines.stages.report.ledger import write_ledger_file
from babelsift.pipelines.stages.report.write_report import sizes_files, written_files
from babelsift.pipelines.stages.shard.replace_product import ReplacementPlan, count_splits, left_out
from babelsift.pipelines.stages.shard.shard_writer import write_shard
from babelsift.pipelines.stages.shard.write_shards import ordered_rows, split_held_out
from babelsift.pipelines.storage.store import is_temporary
from babelsift.schemas import IN, OUT, AccountingError, RunFolderError, Stage, ledger_rows
from babelsift.schemas.reasons import STAGE_ORDER
from babelsift.schemas.recipe import ShardSettings
from tests.support.killed import kill_at


def counts_of(kept, rejected=0):
    """What is counted of a run whose first stage rejects some rows."""
    counts = {(Stage.READ.value, "unreadable_row", ""): rejected} if rejected else {}
    for stage in STAGE_ORDER:
        counts |= {(stage.value, IN, ""): kept, (stage.value, OUT, ""): kept}
    return counts | {(Stage.READ.value, IN, ""): kept + rejected}


class Version:
    """One version of a product, made as the pipeline makes it, step by step."""

    def __init__(self, batch, *, rejected, samples_per_shard=8, validation_fraction=None, store=None, recipe="r"):
        self.batch, self.rejected, self.store = batch, rejected, store
        self.settings = ShardSettings(samples_per_shard=samples_per_shard, validation_fraction=validation_fraction)
        models = () if store is None else (store.name,)
        self.product = Product(models=models, ledger_files=4, recipe=recipe)

    def make(self, folder, *, allow_shrink=False):
        plan = ReplacementPlan(folder, self.settings, self.product, ShrinkGuard(is_off=allow_shrink))
        samples = dict(count_splits(self.batch, self.settings.validation_fraction))
        plan.begin(None, samples, counts_of(len(self.batch), sum(map(len, self.rejected))))
        shards = [one for split in SPLITS.values() for one in self.write_split(folder, split)]
        ledger = [write_ledger_file((number, [rows]), folder) for number, rows in enumerate(self.rejected) if len(rows)]
        folder.write_all(sizes_files(shards))
        for path in (RECIPE, CARD):
            folder.write(path, repr(self.product).encode())
        finish_replacement(folder, written_files(shards, ledger, []))
        folder.write_json(FUNNEL, samples)

    def write_split(self, folder, split):
        parts = {"train": self.batch.slice(0, 0)}
        for part in split_held_out(self.batch, self.settings.validation_fraction or 0.0):
            parts |= {part.tag: part.value} if hasattr(part, "tag") else {"train": part}
        if split.name not in parts or not len(parts[split.name]):
            return
        rows, size = ordered_rows([parts[split.name]], 0), self.settings.samples_per_shard
        stores = [] if self.store is None else [self.store]
        for shard, start in enumerate(range(0, len(rows), size)):
            some = rows.slice(start, size).combine_chunks()
            yield write_shard(folder, shard, some, samples_per_shard=size, split=split, stores=stores)


def product_of(folder):
    """{path: content} of all that is neither staging nor a killed writer's."""
    paths = [path for path in folder.files_under("") if not path.startswith("staging/")]
    return {path: folder.read(path) for path in paths if not is_temporary(path)}


def differs(left, right, *, but):
    return {path: left[path] for path in left if path != but} != {path: right[path] for path in right if path != but}


@pytest.fixture
def rejected(read_rows):
    def make(rows):
        nothing = [None] * rows
        return ledger_rows(
            read_rows(rows), stage=Stage.READ, reasons=["unreadable_row"] * rows, values=nothing, thresholds=nothing
        )

    return make


@pytest.fixture
def versions(embedded, rejected):
    """(folder, two versions of its product): the second has fewer shards, other splits, no embeddings, fewer rejects."""
    folder, batch, store, _ = embedded(30)
    save_manifest(folder, Manifest(partitions=4), {})
    first = Version(batch, rejected=[rejected(2), rejected(3), rejected(1)], validation_fraction=0.3, store=store)
    second = Version(batch.slice(5, 20), rejected=[rejected(2), rejected(5)], samples_per_shard=7)
    return folder, first, second


@pytest.mark.parametrize("first_step", [0, *(pytest.param(step, marks=pytest.mark.slow) for step in (1, 2, 3))])
def test_killed_at_each_step_the_same_command_ends_at_the_same_bytes(versions, first_step):
    """Every fourth of more than forty steps, and the others in the slow tests."""
    folder, first, second = versions
    first.make(folder)
    before = product_of(folder)
    second.make(folder)
    expected = product_of(folder)
    assert not any(path.startswith(("embeddings", "validation", "rejects/00002")) for path in expected)
    for operation in itertools.count(first_step, 4):
        first.make(folder)
        assert product_of(folder) == before
        if not kill_at(operation, lambda: second.make(folder)):
            break
        left = product_of(folder)
        if all(differs(left, whole, but="manifest.json") for whole in (before, expected)):
            assert FUNNEL not in left, f"killed at {operation}, the folder says that it is complete"
            replacement = read_manifest(folder).replacement
            assert replacement is not None or not differs(left, expected, but=FUNNEL)
        second.make(folder)
        assert product_of(folder) == expected, f"killed at {operation}"
    assert operation > 40


@pytest.mark.slow
def test_killed_while_the_first_product_is_made_and_then_made_otherwise(versions):
    folder, first, second = versions
    second.make(folder)
    expected = product_of(folder)
    for path in expected:
        folder.remove(path)
    for operation in itertools.count(0, 5):
        save_manifest(folder, Manifest(partitions=4), {})
        if not kill_at(operation, lambda: first.make(folder)):
            break
        second.make(folder)
        assert product_of(folder) == expected, f"killed at {operation}"
        for path in expected:
            folder.remove(path)


def test_unchanged_shards_stay_as_they_are(versions):
    folder, first, _ = versions
    first.make(folder)
    whole = Version(first.batch, rejected=first.rejected, validation_fraction=0.3, store=first.store)
    modified = {path: folder.fs.modified(folder.path(path)) for path in folder.files_under("shards")}
    folder.write("shards/00000001.parquet", b"damaged")
    whole.make(folder)
    changed = {
        path for path, time in modified.items() if folder.fs.modified(folder.path(path)) != time and "sizes" not in path
    }
    assert changed == {f"shards/00000001{suffix}" for suffix in (".tar", ".parquet", "_stats.json")}


def test_a_run_that_would_leave_little_stops_before_anything_is_touched(versions):
    folder, first, _ = versions
    first.make(folder)
    before = product_of(folder)
    little = Version(first.batch.slice(0, 14), rejected=first.rejected)
    with pytest.raises(
        RunFolderError, match=r"holds 30 samples, this run would leave 14 .* \(left out: read unreadable_row 6\)"
    ):
        little.make(folder)
    assert product_of(folder) == before
    little.make(folder, allow_shrink=True)
    assert read_manifest(folder).product.total_samples == 14


def test_a_run_that_lost_a_pair_stops_before_anything_is_touched(versions):
    folder, first, second = versions
    first.make(folder)
    before = product_of(folder)
    plan = ReplacementPlan(folder, second.settings, second.product, ShrinkGuard())
    with pytest.raises(AccountingError):
        plan.begin(None, {"train": 20}, counts_of(21))
    assert product_of(folder) == before


def test_the_reasons_that_most_rows_were_left_out_for():
    counts = {("read", IN, ""): 9, ("read", "unreadable_row", ""): 5, ("rules", "a", "en"): 1, ("rules", "a", "de"): 2}
    counts |= {("select", "b", "en"): 2, ("select", "c", "en"): 1, ("select", OUT, "en"): 7}
    assert left_out(counts) == " (left out: read unreadable_row 5, rules a 3, select b 2)"
    assert left_out({}) == ""
