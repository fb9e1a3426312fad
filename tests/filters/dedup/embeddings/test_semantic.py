import numpy as np
import pytest

from babelsift.filters.dedup import (
    cluster_count,
    cosines_on_grid,
    distinct_vectors,
    embedding_record,
    nearest_centroids,
    nearest_of,
    on_grid,
    pack_embedding_records,
    pairs_above,
    semantic_links,
    train_centroids,
    unpack_embedding_records,
)


def rows_of(vectors, priorities=None, uids=None):
    vectors = np.asarray(vectors, np.float16)
    rows = np.zeros(len(vectors), embedding_record(vectors.shape[1]))
    numbers = range(len(vectors)) if uids is None else uids
    rows["uid"] = np.array([int(number).to_bytes(16, "big") for number in numbers], "V16")
    rows["priority"] = 0 if priorities is None else priorities
    rows["vector"] = vectors
    return rows


def at_angles(*degrees):
    return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)


def numbers(links, column):
    return [int.from_bytes(uid.tobytes(), "big") for uid in links[column]]


def random_vectors(count, dimension=32, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dimension))


def original_rule(vectors, epsilon):
    """facebookresearch/SemDeDup, semdedup.py: a row goes if any before it is nearer than epsilon, gone or not."""
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return np.triu(unit @ unit.T, 1).max(axis=0) > 1 - epsilon


def test_the_original_rule_drops_a_chain_and_names_who_stays():
    links = semantic_links(rows_of(at_angles(0, 10, 20, 60, 61)), epsilon=0.02)
    assert numbers(links, "uid") == [1, 2, 4]
    assert numbers(links, "survivor") == [0, 0, 3]
    assert links["cosine"] == pytest.approx([np.cos(np.radians(angle)) for angle in (10, 20, 1)], abs=1e-3)


def test_the_survivor_is_the_nearest_that_stays():
    links = semantic_links(rows_of(at_angles(0, 13, 12)), epsilon=0.025)
    assert dict(zip(numbers(links, "uid"), numbers(links, "survivor"), strict=True)) == {2: 1}


@pytest.mark.parametrize("seed", range(3))
def test_blocks_decide_as_one_matrix_does(seed):
    base = random_vectors(40, seed=seed)
    vectors = base[np.random.default_rng(seed).integers(0, 40, 150)] + 0.25 * random_vectors(150, seed=seed + 9)
    rows = rows_of(vectors)
    expected = original_rule(rows["vector"], 0.06)
    assert 20 < expected.sum() < 130
    found = {}
    for block in (7, 64, 1024):
        found[block] = semantic_links(rows, 0.06, block_rows=block)
        assert numbers(found[block], "uid") == np.flatnonzero(expected).tolist()
        stays = set(np.flatnonzero(~expected))
        assert set(numbers(found[block], "survivor")) <= stays
    assert found[7].tobytes() == found[64].tobytes() == found[1024].tobytes()


def test_equal_vectors_are_folded_into_the_first_by_priority_then_uid():
    rows = rows_of([[1, 0], [0, 1], [1, 0], [1, 0]], priorities=[2, 0, 1, 1], uids=[1, 2, 9, 3])
    first, links = distinct_vectors(rows)
    assert numbers(first, "uid") == [2, 3]
    assert dict(zip(numbers(links, "uid"), numbers(links, "survivor"), strict=True)) == {9: 3, 1: 3}


def test_one_row_is_the_first_of_its_vector():
    first, links = distinct_vectors(rows_of(random_vectors(1, dimension=5)))
    assert numbers(first, "uid") == [0]
    assert not len(links)


def test_vectors_without_direction_are_near_to_nothing():
    rows = rows_of([[0, 0], [np.nan, 1], [0, 1], [0, 0.5]])
    rows, copies = distinct_vectors(rows)
    assert not len(copies)
    assert not set(numbers(semantic_links(rows, 0.1), "uid")) & {0}


def test_packed_rows_say_their_dimension():
    rows = rows_of(random_vectors(3, dimension=5))
    assert unpack_embedding_records(pack_embedding_records(rows)).tobytes() == rows.tobytes()


def test_centroids_are_found_again_and_of_length_one():
    groups = random_vectors(5, seed=3)
    sample = (groups[np.arange(400) % 5] + 0.05 * random_vectors(400, seed=4)).astype(np.float16)
    centroids = train_centroids(sample, 5, seed=1)
    assert np.linalg.norm(centroids, axis=1) == pytest.approx(1, abs=1e-3)
    assert train_centroids(sample, 5, seed=1).tobytes() == centroids.tobytes()
    clusters, cosines = nearest_centroids(sample, centroids)
    together = {(row % 5, int(cluster)) for row, cluster in enumerate(clusters)}
    assert len({cluster for _, cluster in together}) == 5
    assert len(together) == 5
    assert cosines.min() > 0.9


def test_the_nearest_centroid_is_the_same_in_any_batch():
    vectors, centroids = random_vectors(200).astype(np.float16), random_vectors(30, seed=1)
    clusters, cosines = nearest_centroids(vectors, centroids)
    parts = [nearest_centroids(vectors[start : start + 17], centroids) for start in range(0, 200, 17)]
    assert np.concatenate([part[0] for part in parts]).tolist() == clusters.tolist()
    assert np.concatenate([part[1] for part in parts]).tobytes() == cosines.tobytes()
    assert nearest_centroids(vectors, centroids, cosines_per_block=100)[1].tobytes() == cosines.tobytes()


def test_more_clusters_than_samples_are_not_asked_for():
    assert len(train_centroids(random_vectors(3), 10, seed=0)) == 3
    assert len(train_centroids(random_vectors(50), 1, seed=0)) == 1
    assert [cluster_count(*counts) for counts in ((0, 0), (500, 500), (50_000, 50_000), (10**9, 200_000))] == [
        1,
        1,
        50,
        5000,
    ]


@pytest.mark.parametrize("spread", [0.02, 0.3])
def test_what_float32_sorts_out_is_what_the_exact_cosines_say(spread):
    """Whether few pairs are near, or nearly all are, and the whole matrix is made."""
    base = random_vectors(3)
    vectors = on_grid(base[np.arange(90) % 3] + spread * random_vectors(90, seed=1))
    exact = cosines_on_grid(vectors, vectors)
    minimum = float(np.sort(exact.ravel())[-700])  # a cosine that there is: it is not above itself
    rows, columns, cosines = pairs_above(vectors, vectors, minimum)
    assert list(zip(rows, columns, strict=True)) == list(zip(*np.nonzero(exact > minimum), strict=True))
    assert cosines.tobytes() == exact[rows, columns].tobytes()
    rows, columns, _ = pairs_above(vectors, vectors, minimum, below_diagonal=True)
    assert (columns < rows).all()
    assert len(rows) == np.count_nonzero(np.tril(exact, -1) > minimum)


def test_of_equal_vectors_the_first_is_the_nearest():
    others = on_grid(np.tile(random_vectors(4), (3, 1)))
    nearest, cosines = nearest_of(others, others)
    assert nearest.tolist() == [0, 1, 2, 3] * 3
    assert cosines == pytest.approx(1)
