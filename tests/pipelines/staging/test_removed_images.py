import pickle

import pytest

from babelsift.filters.image import ImageFailure, process_image
from babelsift.pipelines.run_folder.tombstones import Tombstones, digests_of, hash_of
from babelsift.pipelines.staging.removed_images import UnlessRemoved
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import encoded, photo

SETTINGS = DownloadSettings(image_size=32)
BODY, OTHER = (encoded(photo(number, (48, 40))) for number in range(2))
IMAGE = process_image(BODY, SETTINGS)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("pixels", IMAGE.pixels_digest),
        ("sha256", IMAGE.sha256),
        ("md5", hash_of("md5", BODY)),
        ("sha1", hash_of("sha1", IMAGE.data)),
    ],
)
def test_a_removed_image_is_not_stored_whatever_it_is_told_by(kind, value):
    process = UnlessRemoved(process_image, Tombstones({kind: frozenset(digests_of(kind, [value]))}))
    assert process(BODY, SETTINGS) == ImageFailure(RejectReason.REMOVED, "")
    assert process(OTHER, SETTINGS) == process_image(OTHER, SETTINGS)
    assert process(b"no image", SETTINGS) == process_image(b"no image", SETTINGS)
    assert pickle.loads(pickle.dumps(process)) == process
    assert hash(pickle.loads(pickle.dumps(process))) == hash(process)
