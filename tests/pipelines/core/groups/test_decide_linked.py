"""Rows that are linked in pairs, decided component by component."""

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that

from babelsift.filters.dedup import CAPTION_LINK, members_of_links, nearest_kept_captions
from babelsift.filters.uids import compute_uids, uid_bytes
from babelsift.pipelines.core.groups.decide_linked import DecideLinked, to_components
from babelsift.pipelines.core.packed import Packed


def drawn_links(count):
    """Links of chains and clusters: of a row to one within the next dozen, the later uid to the lower."""
    random = np.random.default_rng(0)
    uids = uid_bytes(compute_uids(pa.array([str(row) for row in range(count)]), pa.array([""] * count)))
    first = random.integers(0, count - 12, count)
    pairs = np.unique(np.sort(np.stack([first, first + random.integers(1, 12, count)], axis=1), axis=1), axis=0)
    ordered = np.array([sorted(uids[pair], key=bytes) for pair in pairs])
    links = np.empty(len(pairs), CAPTION_LINK)
    links["survivor"], links["uid"], links["jaccard"] = ordered[:, 0], ordered[:, 1], random.random(len(pairs))
    return links


def decide(links, partitions, merge=None):
    expected = nearest_kept_captions(links)
    chunks = [links[start : start + 31].tobytes() for start in range(0, len(links), 31)]
    if merge is not None:
        chunks += chunks[::2]

    def check(found):
        joined = np.frombuffer(b"".join(found), CAPTION_LINK)
        assert sorted(joined.tolist(), key=repr) == sorted(expected.tolist(), key=repr)

    pipeline = beam.Pipeline(runner=FnApiRunner())
    packed = pipeline | beam.Create(chunks, reshuffle=False).with_output_types(Packed)
    assert_that(packed | DecideLinked(nearest_kept_captions, CAPTION_LINK, partitions, merge), check)
    pipeline.run().wait_until_finish()


@pytest.mark.parametrize("partitions", [1, 2, 13])
def test_partitions_decide_as_one_place_does(partitions):
    decide(drawn_links(600), partitions)


@pytest.mark.parametrize("partitions", [1, 5])
def test_links_that_came_twice_are_merged(partitions):
    decide(drawn_links(200), partitions, merge=np.unique)


def test_links_that_came_often_are_merged_before_they_are_together():
    """A pair is found in many bands: what comes of one is merged as it comes, whatever there is in all."""
    links, sizes = np.repeat(drawn_links(300), 2000), []

    def merge(some):
        sizes.append(len(some))
        return np.unique(some)

    chunks = [chunk.tobytes() for chunk in np.array_split(links, 40)]
    group = (0, {"links": chunks, "members": [members_of_links(links).tobytes()]})
    found = [packed for _, packed in to_components(group, CAPTION_LINK, 3, merge)]
    assert np.array_equal(np.sort(np.frombuffer(b"".join(found), CAPTION_LINK)), np.unique(links))
    assert max(sizes) < len(links) / 2


def test_no_links_are_no_failure():
    decide(drawn_links(24)[:0], 3)
