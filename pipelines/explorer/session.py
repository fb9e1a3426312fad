"""The runs that an explorer shows: their pairs, images and recipes, and each pair's fate in the other runs."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.explorer.labels import LABEL, Labels
from babelsift.pipelines.explorer.neighbours import Neighbours
from babelsift.pipelines.explorer.pairs.columns import Columns
from babelsift.pipelines.explorer.pairs.load import FATE, SHARD, SPLIT, STAGED_ROW, load_pairs
from babelsift.pipelines.explorer.pairs.made import scored_uids
from babelsift.pipelines.explorer.pairs.selection import Selection
from babelsift.pipelines.inspection.finished import FinishedRun, open_run
from babelsift.pipelines.inspection.pair_images import PairImages, Sample
from babelsift.pipelines.inspection.shard_images import ShardImages
from babelsift.pipelines.rendering.veiled import is_telling_column
from babelsift.pipelines.run_folder.paths import TAR
from babelsift.pipelines.run_folder.shard_layout import SPLITS, shard_name
from babelsift.schemas import BabelsiftError, RecipeError, RunFolderError, public_url

if TYPE_CHECKING:
    from babelsift.pipelines.explorer.trial import Trial

ABSENT = "absent"


@dataclass
class LoadedRun:
    """A run that is shown.

    Attributes:
        name: as people call it: the last part of its URL.
        run: the run.
        selection: of its pairs.
        images: theirs.
        neighbours: their embeddings.
    """

    name: str
    run: FinishedRun
    selection: Selection
    images: PairImages
    neighbours: Neighbours

    @property
    def columns(self) -> Columns:
        """Of its pairs."""
        return self.selection.columns

    @property
    def table(self) -> pa.Table:
        """Of its pairs."""
        return self.columns.table

    @cached_property
    def trial(self) -> Trial:
        """Its thresholds.

        Raises:
            RecipeError: its recipe cannot be read.
        """
        from babelsift.pipelines.explorer.trial import Trial  # brings Beam, for which no page has to wait

        return Trial(self.columns, self.run.recipe, self.run.recipe_text)

    @cached_property
    def telling_columns(self) -> list[str]:
        """The columns that say whether an image is fit to be seen."""
        kinds = self.columns.kinds
        return [name for name in kinds if kinds[name] != "text" and is_telling_column(name)]

    def row_of(self, uid: str) -> int | None:
        """Returns the first row of a uid; None where there is none."""
        row = pc.index(self.columns.column("uid"), pa.scalar(uid, pa.large_string())).as_py()
        return None if row < 0 else row

    def row(self, number: int) -> dict[str, Any]:
        """Returns a row's values.

        Raises:
            IndexError: there is no such row.
        """
        if not 0 <= number < len(self.table):
            raise IndexError(number)
        return self.table.slice(number, 1).to_pylist()[0]

    def image(self, number: int) -> tuple[bytes, str] | None:
        """Returns (an image file's bytes, its extension) of a row; None where it never had one.

        Raises:
            IndexError: there is no such row.
            RunFolderError: the image is not what was stored.
        """
        row = self.row(number)
        return self.images.image(row.get(STAGED_ROW), _sample_of(row))


@dataclass
class Session:
    """What an explorer shows.

    Attributes:
        runs: the runs, the first of which is shown first.
        labels: what a person says of their pairs.
    """

    runs: list[LoadedRun]
    labels: Labels

    def warm(self) -> None:
        """Makes what the first search and the first moved threshold would wait for."""
        for run in self.runs:
            run.selection.warm()
            with contextlib.suppress(BabelsiftError):  # said to whoever asks for thresholds
                run.trial.sliders()

    def label(self, run: LoadedRun, uid: str, label: str | None) -> None:
        """Labels a pair in all runs that have it."""
        self.labels.set(uid, label, run.name)
        self._show_labels()

    def _show_labels(self) -> None:
        for run in self.runs:
            run.columns.add_facet(LABEL, self.labels.facet(run.columns.column("uid")))
            run.selection.forget(LABEL)

    def join(self) -> Session:
        """Adds facets to each run's pairs: their labels, and their fates in the other runs."""
        self._show_labels()
        for run in self.runs:
            for other in self.runs:
                if other is not run:
                    run.columns.add_facet(f"in {other.name}", _fates_in(other, run))
        return self


def load_session(urls: Sequence[str], labels: str) -> Session:
    """Returns the runs of some folders, loaded.

    Args:
        urls: of run folders, local or any fsspec URL.
        labels: the file of labels.

    Raises:
        RunFolderError: one has no complete run.
        InputError: the labels cannot be read.
    """
    said = Labels(labels)
    runs = [open_run(url) for url in urls]
    return Session([_loaded(run, name) for run, name in zip(runs, _names(urls), strict=True)], said).join()


def _loaded(run: FinishedRun, name: str) -> LoadedRun:
    try:
        recipe = run.recipe
    except RecipeError:  # which is said to whoever asks for thresholds
        recipe = None
    table, staged = load_pairs(run, recipe)
    if not len(table):
        raise RunFolderError(f"{public_url(run.folder.url)}: the run has no pairs to explore")
    columns = Columns(table)
    neighbours = Neighbours(run.folder, lambda: scored_uids(table, recipe), lambda: run.recipe)
    selection = Selection(columns, neighbours.rows)
    return LoadedRun(name, run, selection, PairImages(staged, ShardImages(run.folder)), neighbours)


def _sample_of(row: dict[str, Any]) -> Sample | None:
    """Returns where the product has a row's image; None of a pair that was left out."""
    if row.get(SHARD) is None or row.get("key") is None:
        return None
    return f"{SPLITS[row[SPLIT]].folder}/{shard_name(row[SHARD])}{TAR}", row["key"]


def _names(urls: Sequence[str]) -> list[str]:
    """Returns a name a folder: the last part of its URL, numbered where two are alike."""
    names = [posixpath.basename(public_url(url).rstrip("/")) or "run" for url in urls]
    return [f"{name} ({number})" if names.count(name) > 1 else name for number, name in enumerate(names, start=1)]


def _fates_in(other: LoadedRun, run: LoadedRun) -> pa.Array:
    """Returns string[n], what another run made of each of a run's pairs: kept, rejected, or absent from its input."""
    rows = pc.index_in(run.columns.column("uid"), value_set=other.columns.column("uid"), skip_nulls=True)
    fates = other.columns.column(FATE)
    return pc.fill_null(pc.take(fates.dictionary_decode(), rows), ABSENT)
