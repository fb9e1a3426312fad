"""What is remembered of objects: what was seen last, and that a listed folder has no others."""

from babelsift.pipelines.storage.seen_objects import Seen, SeenObjects


def test_what_was_seen_last_is_known_and_of_the_rest_nothing():
    seen = SeenObjects()
    assert seen.get("b/run/a") is None
    seen.add("b/run/a", "1", 1.0)
    seen.add("b/run/a", "2", 2.0)
    assert seen.get("b/run/a") == Seen("2", 2.0)
    seen.add("b/run/a", None, 3.0)
    assert seen.get("b/run/a") == Seen(None, 3.0)
    assert seen.get("b/run/c") is None


def test_a_listed_folder_has_no_other_objects_and_no_other_folders():
    seen = SeenObjects()
    seen.add("b/run/gone", "1", 1.0)
    seen.add("b/run/written", "2", 9.0)
    seen.add_listing("b/run", {"b/run/a": "3"}, 5.0, folders=["shards"])
    assert seen.get("b/run/a") == Seen("3", 5.0)
    assert seen.get("b/run/gone") == Seen(None, 5.0)
    assert seen.get("b/run/written") == Seen("2", 9.0), "after the listing"
    assert seen.get("b/run/rejects/0.parquet") == Seen(None, 5.0)
    assert seen.get("b/run/shards/0.tar") is None, "which nobody has listed"
    assert seen.get("b/runner/a") is None
    seen.add_listing("b/run", {}, 10.0)
    assert seen.get("b/run/rejects/0.parquet") is None, "the folders were not listed"


def test_what_is_below_a_root_is_forgotten():
    seen = SeenObjects()
    for path in ("b/run/a", "b/run/x/y", "b/runner/a"):
        seen.add(path, "1", 1.0)
    seen.add_listing("b/run", {}, 1.0)
    seen.forget("b/run")
    assert [seen.get(path) is None for path in ("b/run/a", "b/run/x/y", "b/run/z", "b/runner/a")] == [True] * 3 + [
        False
    ]


def test_no_more_than_so_many_are_remembered_and_a_folder_of_which_some_are_not_is_unknown():
    seen = SeenObjects(most=4)
    seen.add_listing("b", {"b/1": "1", "b/2": "2"}, 1.0)
    for number in range(3, 6):
        seen.add(f"b/{number}", str(number), 2.0)
    assert seen.get("b/1") is None
    assert seen.get("b/5") == Seen("5", 2.0)
