import numpy as np
import pyarrow as pa

from babelsift.pipelines.staging.image_rows import image_rows


def batch(places, uids):
    shards, keys, offsets = zip(*places, strict=True)
    columns = [pa.array(uids), pa.array(shards, pa.int32()), pa.array(keys), pa.array(offsets, pa.int64())]
    return pa.RecordBatch.from_arrays(columns, names=["uid", "staging_shard", "key", "image_offset"])


def test_rows_of_one_place_are_one_image_that_the_lowest_uid_stands_for():
    a, b, c = (1, "x", 5), (2, "x", 5), (1, "y", 5)
    images = image_rows(batch([a, b, a, c, b], ["5", "4", "3", "2", "1"]))
    assert images.first.tolist() == [2, 3, 4]
    assert images.of_row.tolist() == [0, 2, 0, 1, 2]
    assert images.standing_row.tolist() == [2, 4, 2, 3, 4]


def test_rows_of_images_of_their_own_stay_in_their_order():
    places = [(shard, "k", offset) for shard in (3, 1) for offset in (9, 4)]
    images = image_rows(batch(places, ["d", "b", "c", "a"]))
    assert images.first.tolist() == images.of_row.tolist() == [0, 1, 2, 3]
    assert np.array_equal(image_rows(batch(places, ["d", "b", "c", "a"]).slice(0, 0)).first, [])
