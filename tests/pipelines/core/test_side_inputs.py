import pickle

from babelsift.pipelines.core.side_inputs import OncePerBundle


def sums(*side_inputs):
    MADE.append(side_inputs)
    return [sum(side_input) for side_input in side_inputs]


MADE: list = []


def test_the_same_objects_are_made_ready_once_and_equal_others_again():
    MADE.clear()
    cache, first, second = OncePerBundle(sums), [1, 2], [3]
    assert [cache.of(first, second), cache.of(first, second)] == [[3, 3]] * 2
    assert len(MADE) == 1
    assert cache.of(first, [4]) == [3, 4]
    assert cache.of([5], second) == [5, 3]
    assert len(MADE) == 3


def test_only_the_function_travels():
    cache = OncePerBundle(sums)
    cache.of([1] * 1000)
    assert len(pickle.dumps(cache)) < 300
    assert pickle.loads(pickle.dumps(cache)).of([1, 2]) == [3]
