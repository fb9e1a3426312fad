import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import FORMAT, Manifest, open_manifest, read_manifest, save_manifest
from babelsift.pipelines.run_folder.product import Product, Replacement
from babelsift.schemas import RunFolderError

PRODUCT = Product({"train": 12, "validation": 3}, {"train": 2, "validation": 1}, ("m",), 4, ("en.parquet",), "abc")
WHOLE = Manifest(
    partitions=8,
    facts={"recipe": "x", "list": ["a", "b"]},
    first_partitions=2,
    stages={"read": {"input": {"a.parquet": [1, "x"]}}},
    fingerprints={"read": "0123"},
    decoders={"Pillow": ["12.0"]},
    product=PRODUCT,
    replacement=Replacement(Product({"train": 1}, {"train": 1}), (PRODUCT,)),
)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path))


def test_it_reads_back_as_it_was_saved(folder):
    assert read_manifest(folder) is None
    save_manifest(folder, WHOLE, WHOLE.facts)
    assert read_manifest(folder) == WHOLE
    assert folder.read_json("manifest.json")["format"] == FORMAT


def test_the_number_of_partitions_doubles_as_the_input_grows(folder):
    first = open_manifest(folder, rows=1001, rows_per_partition=100)
    assert first.partitions == 11
    save_manifest(folder, first, {"recipe": "x"})
    for rows, partitions, first_partitions in (
        (5, 11, None),
        (2200, 11, None),
        (2201, 22, 11),
        (10_000, 88, 11),
        (2201, 88, 11),  # never less again
    ):
        grown = open_manifest(folder, rows=rows, rows_per_partition=100)
        assert (grown.partitions, grown.first_partitions) == (partitions, first_partitions)
        save_manifest(folder, grown, {})


def test_keys_of_a_newer_minor_version_are_kept(folder):
    later = {"format": FORMAT + 0.5, "partitions": 4, "facts": {}, "rights": {"removed": ["a"]}, "epochs": 3}
    folder.write_json("manifest.json", later)
    save_manifest(folder, open_manifest(folder, rows=1, rows_per_partition=1), {"recipe": "x"}, {"read": {}})
    written = folder.read_json("manifest.json")
    assert {name: written[name] for name in ("format", "rights", "epochs")} == {
        name: later[name] for name in ("format", "rights", "epochs")
    }
    assert written["facts"] == {"recipe": "x"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is not JSON .*; restore it from a copy, or choose another --output"),
        (b"{half", r"is not JSON .*; restore it"),
        (b"\xff\xfe{", r"is not JSON .*; restore it"),
        (b"[" * 100_000, r"is not JSON .*; restore it"),
        ([], "is no manifest of babelsift; restore it"),
        ({}, "is no manifest of babelsift"),
        ({"partitions": 4}, "is no manifest of babelsift"),
        ({"format": True, "partitions": 4}, "is no manifest of babelsift"),
        (
            {"format": FORMAT + 1, "partitions": 4},
            f"has format {FORMAT + 1}, this version reads formats up to {FORMAT}",
        ),
        ({"layout": 99, "partitions": 4}, "has format 99.*update babelsift, or choose another --output"),
        ({"format": math.nan, "partitions": 4}, "has format nan"),
        ({"format": 2}, "is damaged: says no partitions"),
        ({"format": 2, "partitions": 0}, "is damaged: partitions cannot be 0; restore it from a copy"),
        ({"format": 2, "partitions": -3}, "partitions cannot be -3"),
        ({"format": 2, "partitions": 2.5}, "partitions cannot be 2.5"),
        ({"format": 2, "partitions": True}, "partitions cannot be True"),
        ({"format": 2, "partitions": "8"}, "partitions cannot be '8'"),
        ({"layout": 1, "partitions": 0, "facts": {}}, "partitions cannot be 0"),
        ({"format": 2, "partitions": 8, "first_partitions": 0}, "first_partitions cannot be 0"),
        ({"format": 2, "partitions": 8, "first_partitions": 3}, "8 partitions never were 3"),
        ({"format": 2, "partitions": 8, "facts": []}, r"facts cannot be \[\]"),
        ({"format": 2, "partitions": 8, "stages": {"read": 1}}, "stages cannot be"),
        ({"format": 2, "partitions": 8, "product": []}, "is damaged: a product is no object"),
        ({"format": 2, "partitions": 8, "product": {"samples": {"train": -1}}}, "counts are no whole numbers"),
        ({"format": 2, "partitions": 8, "product": {"shards": {"../x": 1}}}, "counts are no whole numbers"),
        ({"format": 2, "partitions": 8, "product": {"models": ["../.."]}}, "names are no names of files"),
        ({"format": 2, "partitions": 8, "product": {"models": 7}}, "is damaged"),
        ({"format": 2, "partitions": 8, "replacement": {}}, "is damaged: a product is no object"),
    ],
)
def test_damage_and_newer_versions_are_one_line(folder, content, message):
    folder.write("manifest.json", content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(RunFolderError, match=r"^\S*manifest\.json\b[^\n]*" + message) as raised:
        open_manifest(folder, rows=1, rows_per_partition=1)
    assert "\n" not in str(raised.value)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(Manifest(1).to_json() | {"product": 0, "replacement": 0})), _VALUES))
def test_whatever_it_holds_it_is_read_or_refused(tmp_path_factory, content):
    folder = RunFolder(str(tmp_path_factory.mktemp("any")))
    folder.write_json("manifest.json", {**WHOLE.to_json(), **content})
    try:
        manifest = read_manifest(folder)
    except RunFolderError:
        return
    assert manifest is None or (
        manifest.partitions >= 1 and manifest.partitions % (manifest.first_partitions or 1) == 0
    )
