"""Pairs near a text, an image or a pair, by the image embeddings that a run has stored.

The vectors are read, and the index is built, at the first search; the CLIP model is loaded at the first search by a
text or an image that is new. Up to EXACT_ROWS vectors are compared one by one, in the half precision that they are
stored in; more are found by an inverted file (faiss' IVF), which looks into the lists nearest to what is asked for.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.pipelines.staging.scores.stores_of_folder import all_embeddings, stores_by_name
from babelsift.schemas import ModelError, Recipe

EXACT_ROWS = 2_000_000
MOST_NEIGHBOURS = 500
_KEPT = 32  # searches
_CAPTION = "an image"  # beside an image that is searched by: a pair needs one
_TRAINED_ON, _PROBED = 40, 0.5  # vectors a list to train on; the share of lists that is looked into
_ADDED_AT_ONCE = 200_000


@dataclass
class Neighbours:
    """The stored embeddings of a run's pairs.

    Attributes:
        folder: of the run.
        uids: gives those of the table's rows, by which their embeddings are stored.
        recipe: gives the run's recipe; its models are asked by texts and images.
        exact_rows: the most vectors that are compared one by one.
    """

    folder: RunFolder
    uids: Callable[[], pa.Array]
    recipe: Callable[[], Recipe]
    exact_rows: int = EXACT_ROWS
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _found: OrderedDict[tuple[str, str | int], np.ndarray] = field(default_factory=OrderedDict)

    @cached_property
    def stores(self) -> dict[str, ScoreStore]:
        """The score stores with embeddings, by the model's name; of a name that is several models', none."""
        by_name = stores_by_name(self.folder)
        return {name: stores[0] for name, stores in by_name.items() if len(stores) == 1}

    @property
    def names(self) -> list[str]:
        """Names of the models whose embeddings are stored."""
        return list(self.stores)

    def rows(self, near: tuple[str, str | int]) -> np.ndarray:
        """Returns the rows of the pairs whose images are near something, the nearest first.

        Args:
            near: ("text", words), ("row", a pair's) or ("image", what `add_image` returned).

        Raises:
            ModelError: the run has no embeddings of it, or the model cannot be loaded here.
        """
        with self._lock:  # two searches would read all vectors, or load the model, twice
            if near not in self._found:
                self._found[near] = self._search(*near)
                while len(self._found) > _KEPT:
                    self._found.popitem(last=False)
            return self._found[near]

    def add_image(self, content: bytes) -> str:
        """Takes an image to search by; returns its digest, which stands for it.

        Raises:
            ModelError: it is no image, or the model cannot be loaded here.
        """
        digest = hashlib.sha256(content).hexdigest()
        images, captions = pa.array([content], pa.binary()), pa.array([_CAPTION])
        with self._lock:
            result = self._scorer.score(images, captions, embeddings=True)
            if (error := result.column("error")[0].as_py()) is not None:
                raise ModelError(f"this image cannot be searched by: {error}")
            vector = np.array(result.column("image_embedding")[0].as_py(), np.float32)
            self._found["image", digest] = self._nearest(vector)
        return digest

    def _search(self, kind: str, value: Any) -> np.ndarray:
        if kind == "image":
            raise ModelError("this image is not known any more; give it again")
        if kind == "text":
            return self._nearest(self._scorer.embed_texts([value])[0])
        place = np.flatnonzero(self._vectors[0] == value)
        if not len(place):
            raise ModelError("no embedding of this pair is stored: its image was never scored")
        rows = self._nearest(self._vectors[1][place[0]].astype(np.float32))
        return rows[rows != value]

    def vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns (int[m], rows of the table; float16[m, dimension], their images' embeddings of unit length).

        Raises:
            ModelError: none are stored.
        """
        return self._vectors

    @cached_property
    def _scorer(self) -> Any:
        from babelsift.pipelines.stages.score.models import load_scorer

        name = self._name()
        model = next((model for model in self.recipe().clip if model.name == name), None)
        if model is None:
            raise ModelError(f"the run's recipe does not say which model {name!r} is")
        return load_scorer(model.model_copy(update={"decode_processes": 0, "compiled": False}))

    def _name(self) -> str:
        if not self.stores:
            raise ModelError(
                "this run has stored no embeddings; `keep_embeddings: true` in the recipe's clip keeps them"
            )
        return self.names[0]

    @cached_property
    def _vectors(self) -> tuple[np.ndarray, np.ndarray]:
        uids, vectors = _stored(self.stores[self._name()])
        rows = pc.index_in(uids, value_set=self.uids())
        known = np.flatnonzero(rows.is_valid().to_numpy(zero_copy_only=False))
        return rows.take(pa.array(known)).to_numpy(), vectors[known]

    @cached_property
    def _index(self) -> Any:
        try:
            import faiss
        except ImportError as error:
            raise ModelError("search by meaning needs faiss; pip install 'babelsift[explore]'") from error
        vectors = self._vectors[1]
        rows, dimension = vectors.shape
        lists = 0 if rows <= self.exact_rows else int(np.sqrt(rows))
        kind = f"IVF{lists},SQfp16" if lists else "SQfp16"
        index: Any = faiss.index_factory(dimension, kind, faiss.METRIC_INNER_PRODUCT)
        if lists:
            chosen = np.random.default_rng(0).permutation(rows)[: lists * _TRAINED_ON]
            index.train(vectors[np.sort(chosen)].astype(np.float32))
            index.nprobe = int(lists * _PROBED)
        for start in range(0, rows, _ADDED_AT_ONCE):
            index.add(vectors[start : start + _ADDED_AT_ONCE].astype(np.float32))
        return index

    def _nearest(self, vector: np.ndarray) -> np.ndarray:
        _, places = self._index.search(np.ascontiguousarray(vector[None]), min(MOST_NEIGHBOURS, self._index.ntotal))
        return self._vectors[0][places[0][places[0] >= 0]]


def _stored(store: ScoreStore) -> tuple[pa.Array, np.ndarray]:
    """Returns (uids, float16[m, dimension]) of all pairs with an embedding; each uid once, damaged chunks left out."""
    chunks = list(all_embeddings(store, ("img_emb",), passes_over_damage=True))
    if not chunks:
        raise ModelError(f"{store.folder.path(store.root)} has no embeddings")
    uids = pa.concat_arrays([of_chunk.cast(pa.large_string()) for of_chunk, _ in chunks])
    _, first = np.unique(uids.dictionary_encode().indices.to_numpy(), return_index=True)
    return uids.take(pa.array(first)), np.concatenate([vectors for _, [vectors] in chunks])[first]
