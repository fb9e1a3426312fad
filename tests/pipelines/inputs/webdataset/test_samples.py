"""Tars of any making as rows: grouped as the package webdataset groups, and no image read for its text."""

import gzip

import pytest
import webdataset

from babelsift.pipelines.inputs.columns import parse_columns
from babelsift.pipelines.inputs.list_files import input_files
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.read_images import read_input_images
from babelsift.schemas import InputError
from tests.support.input_rows import read_rows
from tests.support.webdatasets import write_tar

PIXELS = b"\xff\xd8 pixels"


def read(path, **settings):
    found = read_rows(plan_input([str(path)], **settings))
    return found.pairs, found.ledger


def images(path):
    plan = plan_input([str(path)])
    return [image for part in plan.slices for image in read_input_images(part, max_bytes=1000)]


@pytest.mark.parametrize(
    ("members", "caption"),
    [
        ([("0.jpg", PIXELS), ("0.txt", "a dog")], "a dog"),
        ([("0.txt", "a dog"), ("0.jpg", PIXELS)], "a dog"),
        ([("0.cap", "a dog"), ("0.jpg", PIXELS)], "a dog"),
        ([("0.jpg", PIXELS), ("0.caption", "a dog")], "a dog"),
        ([("0.JPG", PIXELS), ("0.TXT", "a dog")], "a dog"),
        ([("0.jpg", PIXELS), ("0.json", {"caption": "a dog"})], "a dog"),
        ([("0.jpg", PIXELS), ("0.json", {"caption": "another"}), ("0.txt", "a dog")], "a dog"),
        ([("0.jpg", PIXELS), ("0.json", {"TEXT": "a dog"})], "a dog"),
        ([("a.b/0.jpg", PIXELS), ("a.b/0.txt", "a dog")], "a dog"),
        ([("0.jpg", PIXELS), ("0.txt", "a dog"), ("0.cls", "3"), ("0.npy", b"\x93NUMPY")], "a dog"),
    ],
)
def test_a_samples_text_is_found_whatever_wrote_it(tmp_path, members, caption):
    [pair], [] = read(write_tar(tmp_path / "0.tar", members))
    assert pair["caption"] == caption
    assert [(image.url, image.body) for image in images(tmp_path / "0.tar")] == [(pair["url"], PIXELS)]


def test_samples_are_those_that_the_package_webdataset_sees(tmp_path):
    members = [
        ("b/000.jpg", PIXELS), ("b/000.txt", "one"), ("b/000.json", {"id": 1}), ("a/000.txt", "two"),
        ("a/000.jpg", PIXELS), ("._c.jpg", b"macOS"), (".txt", "no"), ("c.1.txt", "three"), ("c.seg.png", PIXELS), ("c.txt", "main"), ("c.jpg", PIXELS),
    ]  # fmt: skip
    path = write_tar(tmp_path / "0.tar", members)
    theirs = [sample["__key__"] for sample in webdataset.WebDataset(str(path), shardshuffle=False)]
    pairs, ledger = read(path)
    assert ([pair["__key__"] for pair in pairs], ledger) == (theirs, [])
    assert pairs[2]["1.txt"] == "three"


def test_what_macos_leaves_in_a_tar_is_no_sample(tmp_path):
    members = [("._0.jpg", b"x"), ("0.jpg", PIXELS), ("._0.txt", "x"), ("0.txt", "a dog"), ("__MACOSX/._1.jpg", b"x")]
    pairs, ledger = read(write_tar(tmp_path / "0.tar", members))
    assert ([pair["caption"] for pair in pairs], ledger) == (["a dog"], [])


def test_several_texts_of_a_sample_are_pairs_of_one_image(tmp_path):
    members = [("0.jpg", PIXELS), ("0.en.txt", "a dog"), ("0.de.txt", "ein Hund"), ("0.json", {"alts": ["x", "y"]})]
    path = write_tar(tmp_path / "0.tar", members)
    from babelsift.pipelines.inputs.columns import parse_columns

    pairs, _ = read(path, columns=parse_columns("caption=en.txt+de.txt+alts"))
    assert [(pair["caption"], pair["text_source"]) for pair in pairs] == [
        ("a dog", "en.txt"),
        ("ein Hund", "de.txt"),
        ("x", "alts[0]"),
        ("y", "alts[1]"),
    ]
    assert len({pair["url"] for pair in pairs}) == 1


def test_a_key_that_comes_again_is_a_row_of_the_ledger(tmp_path):
    members = [("0.jpg", PIXELS), ("0.txt", "a"), ("1.jpg", PIXELS), ("1.txt", "b"), ("0.jpg", b"no"), ("0.txt", "c")]
    path = write_tar(tmp_path / "0.tar", members)
    pairs, [ledger] = read(path)
    assert ([pair["caption"] for pair in pairs], ledger["source_row"], ledger["reason"]) == (
        ["a", "b"], 2, "unreadable_row",
    )  # fmt: skip
    assert [image.body for image in images(path)] == [PIXELS, PIXELS]


def test_what_a_tar_lacks_is_a_row_of_the_ledger(tmp_path):
    members = [("0.jpg", PIXELS), ("1.txt", "no image"), ("2.jpg", PIXELS), ("2.txt", b"\xff\xfe\xff"), ("3.txt", " ")]
    pairs, ledger = read(write_tar(tmp_path / "0.tar", members))
    assert [pair["caption"] for pair in pairs] == ["no image"]
    assert sorted((row["source_row"], row["reason"]) for row in ledger) == [
        (0, "missing_caption"),
        (2, "invalid_encoding"),
        (3, "missing_caption"),
    ]
    assert images(tmp_path / "0.tar")[1].body is None


def test_a_url_of_the_json_is_the_pairs_and_a_field_of_any_type_is_carried(tmp_path):
    first = {"url": "http://x/1.jpg", "width": 3, "tags": ["a"]}
    members = [("0.jpg", PIXELS), ("0.txt", "a"), ("0.json", first), ("1.jpg", PIXELS), ("1.txt", "b"), ("1.json", [1])]
    [one, other], [] = read(write_tar(tmp_path / "0.tar", members))
    assert (one["url"], one["input_width"], one["tags"]) == ("http://x/1.jpg", 3, '["a"]')
    assert other["url"] == "https://input.invalid/0.tar/1"


OURS = {"uid": "u0", "url": "http://x/0.jpg", "caption": "a dog", "width": 32, "language_score": 0.5, "license": "cc"}
TEXTS = [
    {"text": "a dog", "uid": "u0", "language": "en", "source": "alt", "similarity_demo": 0.3},
    {"text": "ein Hund", "uid": "u1", "language": "de", "source": "title", "text_language": "de-AT"},
]


def test_each_text_of_a_sample_of_ours_comes_in_with_what_is_said_of_it(tmp_path):
    members = [("0.jpg", PIXELS), ("0.txt", "a dog"), ("0.json", {**OURS, "texts": TEXTS}), ("1.jpg", PIXELS)]
    members += [("1.txt", "a cat"), ("1.json", {**OURS, "uid": "u2", "texts": [{"text": "a cat", "uid": "u2"}]})]
    pairs, [] = read(write_tar(tmp_path / "0.tar", members))
    said = ("caption", "url", "input_uid", "input_language", "input_text_source", "input_text_language")
    assert [tuple(pair[name] for name in said) for pair in pairs] == [
        ("a dog", "http://x/0.jpg", "u0", "en", "alt", None),
        ("ein Hund", "http://x/0.jpg", "u1", "de", "title", "de-AT"),
        ("a cat", "http://x/0.jpg", "u2", None, None, None),
    ]
    assert [(pair["input_width"], pair["input_similarity_demo"]) for pair in pairs] == [
        (32, 0.3),
        (32, None),
        (32, None),
    ]
    # What the json says of its first text alone is not said of the others.
    assert [(pair["input_language_score"], pair["license"]) for pair in pairs] == [
        (0.5, "cc"),
        (None, None),
        (0.5, "cc"),
    ]
    assert len(images(tmp_path / "0.tar")) == 2


def test_each_text_of_others_lists_has_what_is_the_samples(tmp_path):
    document = {"license": "cc", "texts": [{"text": "a dog"}, {"text": "ein Hund", "license": "by"}]}
    path = write_tar(tmp_path / "0.tar", [("0.jpg", PIXELS), ("0.json", document)])
    for columns in (None, parse_columns("url=url,caption=texts")):
        pairs, [] = read(path, columns=columns)
        assert [(pair["caption"], pair["license"]) for pair in pairs] == [("a dog", "cc"), ("ein Hund", "by")]


@pytest.mark.parametrize("texts", [["a dog", "ein Hund"], [], "a dog", [{"text": 1}], [None], None])
def test_another_list_of_texts_is_a_column_like_any(tmp_path, texts):
    members = [("0.jpg", PIXELS), ("0.txt", "first"), ("0.json", {"texts": texts})]
    pairs, [] = read(write_tar(tmp_path / "0.tar", members))
    assert [pair["caption"] for pair in pairs] == ["first"]
    if texts and isinstance(texts[0], str):
        pairs, _ = read(tmp_path / "0.tar", columns=parse_columns("url=url,caption=texts"))
        assert [pair["caption"] for pair in pairs] == ([texts] if isinstance(texts, str) else texts)


def test_an_odd_element_of_texts_costs_itself_alone(tmp_path):
    texts = [{"text": "a dog"}, None, {"text": 5}, {"no": "text"}, "ein Hund", {"text": "un chien", "url": "http://y/"}]
    document = {"url": "http://x/0.jpg", "alt": "another", "texts": texts}
    pairs, ledger = read(write_tar(tmp_path / "0.tar", [("0.jpg", PIXELS), ("0.json", document)]))
    assert [pair["caption"] for pair in pairs] == ["a dog", "ein Hund", "un chien"]
    assert {pair["url"] for pair in pairs} == {"http://x/0.jpg"}
    assert sorted((row["source_row"], row["reason"]) for row in ledger) == [
        (1, "missing_caption"),
        (2, "wrong_type"),
        (3, "missing_caption"),
    ]


def test_each_samples_text_is_looked_for_in_its_own_members(tmp_path):
    ways = [
        {"txt": "in txt"}, {"cap": "in cap"}, {"json": {"caption": "in json"}}, {"json": {"TEXT": "in TEXT"}},
        {"txt": "", "caption": "in caption"}, {"json": {"alt": "alt", "texts": [{"text": "one"}, {"text": "two"}]}},
        {"json": {"URL": "http://x/6.jpg", "alt": "in alt"}}, {"cls": "3"},
    ]  # fmt: skip
    members = [
        (f"{n}.{suffix}", content) for n, way in enumerate(ways) for suffix, content in {"jpg": PIXELS, **way}.items()
    ]
    path = write_tar(tmp_path / "0.tar", members)
    pairs, ledger = read(path)
    captions = [*(f"in {name}" for name in ("txt", "cap", "json", "TEXT", "caption")), "one", "two", "in alt"]
    assert [pair["caption"] for pair in pairs] == captions
    assert [row["reason"] for row in ledger] == ["missing_caption"]
    assert {pair["url"] for pair in pairs} <= {image.url for image in images(path)}
    assert "text_source" not in pairs[0]


def test_a_stray_url_takes_none_from_the_others(tmp_path):
    members = [
        (f"{n}.{suffix}", content)
        for n in range(5)
        for suffix, content in (("jpg", PIXELS), ("txt", "a"), ("json", {"URL" if n == 2 else "url": f"http://x/{n}"}))
    ]
    pairs, [] = read(write_tar(tmp_path / "0.tar", members))
    assert [pair["url"] for pair in pairs] == [
        "https://input.invalid/0.tar/2" if n == 2 else f"http://x/{n}" for n in range(5)
    ]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_an_empty_tar_is_passed_over_as_any_empty_file(tmp_path, suffix, caplog):
    write_tar(tmp_path / "0.tar", [("0.jpg", PIXELS), ("0.txt", "a dog")])
    (tmp_path / f"1.tar{suffix}").write_bytes(b"")
    pairs, [] = read(tmp_path)
    assert [pair["caption"] for pair in pairs] == ["a dog"]
    assert f"1.tar{suffix}: is empty" in caplog.text
    with pytest.raises(InputError, match="is empty"):
        plan_input([str(tmp_path / f"1.tar{suffix}")])


def test_an_image_of_no_bytes_is_none_and_not_too_long(tmp_path):
    [image] = images(write_tar(tmp_path / "0.tar", [("0.jpg", b""), ("0.txt", "a")]))
    assert (image.body, image.problem) == (b"", "")


def test_who_names_a_member_gets_that_text_alone(tmp_path):
    path = write_tar(tmp_path / "0.tar", [("0.jpg", PIXELS), ("0.txt", "a dog"), ("0.json", {**OURS, "texts": TEXTS})])
    pairs, [] = read(path, columns=parse_columns("url=url,caption=txt"))
    assert [pair["caption"] for pair in pairs] == ["a dog"]


def test_a_tar_that_breaks_off_keeps_what_is_whole(tmp_path):
    path = write_tar(tmp_path / "0.tar", [(f"{n}.{kind}", b"x" * 600) for n in range(5) for kind in ("jpg", "txt")])
    path.write_bytes(path.read_bytes()[: 1536 * 7 + 700])
    pairs, ledger = read(path)
    assert [pair["__key__"] for pair in pairs] == ["0", "1", "2"]
    assert [row["reason"] for row in ledger if row["reason"] == "unreadable_row"] == ["unreadable_row"]


def _flip(content, member):
    """Flips a bit in the name of a member's header; each of the members here takes three blocks."""
    place = 1536 * member + 10
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("damaged", "whole"),
    [
        (lambda content: _flip(content, 5), ["0", "1", "2"]),
        (lambda content: _flip(content, 2), ["0"]),
        (lambda content: content[: 1536 * 6], ["0", "1", "2"]),
        (lambda content: content[: 1536 * 6 + 100], ["0", "1", "2"]),
        (lambda content: content + content, ["0", "1", "2", "3", "4"]),
        (lambda content: content + b"more", ["0", "1", "2", "3", "4"]),
    ],
    ids=["header", "early header", "cut between members", "cut in a header", "two tars", "more"],
)
def test_nothing_after_damage_is_lost_without_a_row(tmp_path, damaged, whole, suffix):
    path = write_tar(tmp_path / "0.tar", [(f"{n}.{kind}", b"x" * 600) for n in range(5) for kind in ("jpg", "txt")])
    content = damaged(path.read_bytes())
    path.unlink()
    path = tmp_path / f"0.tar{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    pairs, ledger = read(path)
    assert set(whole) - {"2"} <= {pair["__key__"] for pair in pairs} <= set(whole)
    assert [row["reason"] for row in ledger].count("unreadable_row") == 1


@pytest.mark.parametrize("content", [b"no tar at all" * 100, b"\x00" * 100])
def test_what_is_no_tar_is_one_line(tmp_path, content):
    (tmp_path / "0.tar").write_bytes(content)
    with pytest.raises(InputError, match=r"0\.tar: not readable as webdataset"):
        plan_input([str(tmp_path / "0.tar")])


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("wds:{folder}/s-{{000..002}}.tar", ["s-000.tar", "s-001.tar", "s-002.tar"]),
        ("wds:{folder}/{{s,t}}-000.tar", ["1/s-000.tar", "1/t-000.tar"]),
        ("wds:{folder}/s-*.tar", ["s-000.tar", "s-001.tar", "s-002.tar"]),
    ],
)
def test_braces_are_read_as_the_package_webdataset_reads_them(tmp_path, glob, names):
    for name in ("s-000.tar", "s-001.tar", "s-002.tar", "t-000.tar"):
        write_tar(tmp_path / name, [("0.jpg", PIXELS)])
    found = [file.source.rsplit("/", 1)[-1] for file in input_files([glob.format(folder=tmp_path)])]
    assert found == [name.rsplit("/", 1)[-1] for name in names]


def test_braces_that_stand_for_a_file_that_is_not_there_are_one_line(tmp_path):
    write_tar(tmp_path / "s-0.tar", [("0.jpg", PIXELS)])
    with pytest.raises(InputError, match=r"no file matches .*s-1\.tar"):
        input_files([f"wds:{tmp_path}/s-{{0..1}}.tar"])


def test_an_image_that_is_longer_than_it_may_be_is_not_read(tmp_path):
    [image] = images(write_tar(tmp_path / "0.tar", [("0.jpg", b"x" * 2000), ("0.txt", "a")]))
    assert (image.body, image.problem) == (None, "2000 bytes")


def test_a_member_that_is_there_twice_makes_its_sample_none(tmp_path):
    members = [("0.jpg", PIXELS), ("0.txt", "a dog"), ("0.TXT", "a cat"), ("1.jpg", PIXELS), ("1.txt", "a cow")]
    path = write_tar(tmp_path / "0.tar", members)
    pairs, ledger = read(path)
    assert [pair["caption"] for pair in pairs] == ["a cow"]
    assert [row["value"] for row in ledger] == ["the member 0.txt is there twice"]
    assert [image.url for image in images(path)] == [pairs[0]["url"]]


def test_a_compressed_tar_that_is_damaged_far_behind_gives_what_comes_before(tmp_path):
    members = [
        (f"{n:04d}.{kind}", content) for n in range(1200) for kind, content in (("jpg", PIXELS), ("txt", f"{n}"))
    ]
    packed = bytearray(gzip.compress(write_tar(tmp_path / "0.tar", members).read_bytes(), mtime=0))
    packed[-5] ^= 0xFF  # of the checksum, which is looked at last
    (tmp_path / "1.tar.gz").write_bytes(packed)
    pairs, ledger = read(tmp_path / "1.tar.gz")
    [row] = ledger
    assert row["reason"] == "unreadable_row"
    assert "CRC check failed" in row["value"]
    assert len(pairs) > 1000
    assert len(images(tmp_path / "1.tar.gz")) == len(pairs)


def test_a_tar_that_breaks_off_before_a_text_says_so_and_not_that_it_lacks_one(tmp_path):
    whole = write_tar(tmp_path / "0.tar", [("0.jpg", PIXELS), ("0.txt", "a dog")]).read_bytes()
    (tmp_path / "1.tar").write_bytes(whole[:1200])
    with pytest.raises(InputError, match="breaks off after 1 samples"):
        plan_input([str(tmp_path / "1.tar")])
