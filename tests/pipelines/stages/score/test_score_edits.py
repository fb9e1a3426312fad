from babelsift.filters.uids import compute_uids
from babelsift.pipelines.staging.pair_keys import with_uids_as_scored


def test_an_edited_caption_is_scored_under_the_uid_it_now_has(image_rows):
    batch = image_rows(2, caption_changes=["NFC", None])
    other = image_rows(2, uid=["0" * 32, "1" * 32], caption_changes=["NFC", None])
    now = compute_uids(batch["url"], batch["caption"]).to_pylist()
    assert with_uids_as_scored(other)["uid"].to_pylist() == [now[0], "1" * 32]
    assert other["uid"].to_pylist() == ["0" * 32, "1" * 32]


def test_without_edits_rows_are_as_they_were(image_rows):
    batch = image_rows(2)
    assert with_uids_as_scored(batch) is batch
