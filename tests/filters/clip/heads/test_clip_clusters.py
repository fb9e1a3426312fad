import numpy as np
import pytest

from babelsift.filters.clip import load_head, load_head_of_files
from babelsift.filters.clip.heads.clusters import ClustersHead
from babelsift.schemas import ModelError
from babelsift.schemas.recipe import Head, HeadClusters


@pytest.fixture
def saved(tmp_path):
    def save(name, array):
        np.save(tmp_path / f"{name}.npy", array)
        return str(tmp_path / f"{name}.npy")

    return save


def unit(count, dimension=8, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def head_of(centroids, reference, **options):
    settings = HeadClusters(centroids=centroids, reference=reference)
    if options:
        return ClustersHead(settings, **options)
    return load_head_of_files(Head(name="near", clusters=settings))


@pytest.mark.parametrize("width", [np.float16, np.float32, np.float64])
def test_an_image_counts_where_its_cluster_is_one_of_the_reference(saved, width):
    centroids, reference, images = (unit(count, seed=count).astype(width) for count in (40, 12, 500))
    found = head_of(saved("centroids", centroids), saved("reference", reference)).score(images.astype(np.float32))
    # One at a time, in doubles.
    clusters = {
        max(range(40), key=lambda k: float(centroids[k].astype(float) @ one.astype(float))) for one in reference
    }
    nearest = [max(range(40), key=lambda k: float(centroids[k].astype(float) @ one.astype(float))) for one in images]
    assert found.dtype == np.float32
    assert found.tolist() == [float(number in clusters) for number in nearest]
    assert 0 < found.sum() < 500


def test_centroids_count_as_they_are_not_as_unit_vectors(saved):
    centroids = np.array([[1, 0], [0, 3]], np.float32)
    image = np.array([[0.8, 0.6]], np.float32)
    assert head_of(saved("c", centroids), saved("r", np.array([1]))).score(image).tolist() == [1.0]


def test_more_centroids_than_are_compared_at_once_give_the_same(saved):
    paths = saved("c", unit(30)), saved("r", np.arange(7))
    whole = head_of(*paths).score(unit(100, seed=1))
    in_blocks = head_of(*paths, cosines_per_block=64)
    assert in_blocks.score(unit(100, seed=1)).tolist() == whole.tolist()


def test_its_fingerprint_is_of_both_files(saved):
    first = head_of(saved("c", unit(5)), saved("r", np.array([0]))).fingerprint
    assert head_of(saved("c", unit(5)), saved("other", np.array([1]))).fingerprint != first
    assert head_of(saved("d", unit(5, seed=3)), saved("r", np.array([0]))).fingerprint != first
    assert head_of(saved("e", unit(5)), saved("s", np.array([0]))).fingerprint == first


@pytest.mark.parametrize(
    ("centroids", "reference", "message"),
    [
        (np.arange(4), np.array([0]), "centroids are float"),
        (np.full((2, 8), np.nan, np.float32), np.array([0]), "no numbers"),
        (unit(5), np.array([5]), "names a cluster beyond the 5"),
        (unit(5), np.array([-1]), "names a cluster beyond the 5"),
        (unit(5), np.array([0.5]), "a reference is embeddings"),
        (unit(5), unit(3, dimension=4), "is of embeddings of 8, those of"),
        (unit(5), np.array([{}]), "cannot be read"),
    ],
)
def test_files_that_do_not_fit(saved, centroids, reference, message):
    with pytest.raises(ModelError, match=message):
        head_of(saved("c", centroids), saved("r", reference))


def test_a_file_that_is_not_there_or_another_models(saved, tmp_path):
    with pytest.raises(ModelError, match=r"cannot be read: .*name a \.npy file"):
        head_of(str(tmp_path / "gone.npy"), saved("r", np.array([0])))
    head = load_head(
        Head(name="near", clusters=HeadClusters(centroids=saved("c", unit(5)), reference=saved("r", np.array([0])))),
        embed_texts=None,
    )
    with pytest.raises(ModelError, match="are of 6; name the model that the centroids were made with"):
        head.score(unit(3, dimension=6))
