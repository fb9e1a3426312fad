"""Image clusters: whether an image's nearest centroid is also the nearest of an image of a reference set."""

from __future__ import annotations

import hashlib
import io

import fsspec
import numpy as np

from babelsift.schemas import ModelError, one_line
from babelsift.schemas.recipe import HeadClusters


class ClustersHead:
    """Scores 1 an image whose nearest centroid is also the nearest of a reference image, else 0; see `HeadClusters`.

    Nearest is of the highest inner product with the centroid as it is, the first where several are equal. Source:
    DataComp (Gadre et al. 2023), image-based filtering, baselines/apply_filter.py.

    Raises:
        ModelError: a file is no array of that kind, or the arrays do not fit; names the file and the fault.
    """

    def __init__(self, settings: HeadClusters, *, cosines_per_block: int = 1 << 24) -> None:
        """Reads the files.

        Args:
            settings: name them.
            cosines_per_block: how many cosines are in memory at once; by default 64 MiB of float32. Scores do not
                depend on it.
        """
        self._cosines_per_block = cosines_per_block
        self._file = settings.centroids
        self._centroids, digest = _vectors_in(settings.centroids)
        reference, reference_digest = _read(settings.reference)
        self.fingerprint = hashlib.sha256(f"clusters {digest} {reference_digest}".encode()).hexdigest()
        self._is_reference = np.zeros(len(self._centroids), bool)
        self._is_reference[self._numbers_in(reference, settings.reference)] = True

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Returns float32[n] of 0 and 1 for float32[n, dimension] of unit length.

        Raises:
            ModelError: the centroids are of longer or shorter embeddings.
        """
        return self._is_reference[self._nearest(embeddings, "the model's")].astype(np.float32)

    def _numbers_in(self, reference: np.ndarray, file: str) -> np.ndarray:
        if reference.ndim == 1 and np.issubdtype(reference.dtype, np.integer):
            if len(reference) and not 0 <= reference.min() <= reference.max() < len(self._centroids):
                raise ModelError(f"head {file}: names a cluster beyond the {len(self._centroids)} of {self._file}")
            return reference
        if reference.ndim == 2 and np.issubdtype(reference.dtype, np.floating):
            return np.unique(self._nearest(reference, f"those of {file}"))
        raise ModelError(
            f"head {file}: is {reference.dtype}{list(reference.shape)}; a reference is embeddings, "
            "float[n, dimension], or clusters' numbers, int[n]"
        )

    def _nearest(self, embeddings: np.ndarray, whose: str) -> np.ndarray:
        if embeddings.shape[1] != self._centroids.shape[1]:
            raise ModelError(
                f"head {self._file}: is of embeddings of {self._centroids.shape[1]}, {whose} are of "
                f"{embeddings.shape[1]}; name the model that the centroids were made with"
            )
        nearest = np.empty(len(embeddings), np.int64)
        step = max(1, self._cosines_per_block // len(self._centroids))
        for start in range(0, len(embeddings), step):
            block = embeddings[start : start + step].astype(np.float32)
            nearest[start : start + step] = (block @ self._centroids.T).argmax(axis=1)
        return nearest


def _vectors_in(file: str) -> tuple[np.ndarray, str]:
    vectors, digest = _read(file)
    if vectors.ndim != 2 or not len(vectors) or not np.issubdtype(vectors.dtype, np.floating):
        raise ModelError(f"head {file}: is {vectors.dtype}{list(vectors.shape)}; centroids are float[k, dimension]")
    vectors = np.ascontiguousarray(vectors, np.float32)
    if not np.isfinite(vectors).all():
        raise ModelError(f"head {file}: holds centroids that are no numbers; copy it again")
    return vectors, digest


def _read(file: str) -> tuple[np.ndarray, str]:
    """Returns the array in a .npy file and the sha256 of its bytes."""
    try:
        with fsspec.open(file, "rb") as source:
            content = source.read()
        return np.load(io.BytesIO(content), allow_pickle=False), hashlib.sha256(content).hexdigest()
    except (OSError, ImportError, ValueError, EOFError) as error:
        raise ModelError(f"head {file}: cannot be read: {one_line(error)}; name a .npy file") from error
