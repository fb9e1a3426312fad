import json
import pickle

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from babelsift.filters.concepts import ConceptMatcher, has_min_matches, read_lists, space_captions
from babelsift.schemas import RecipeError


def spaced(text):
    """metaclip/substr_matching.py, spacing()"""
    text = f" {text} "
    for sign in [",", ".", ";", ":", "?", "!", "`"]:
        text = text.replace(sign, f" {sign} ")
    for blank in ["\t", "\n", "\r"]:
        text = text.replace(blank, " ")
    return text


def plainly_matched(caption, entries):
    return [number for number, entry in enumerate(entries) if f" {entry} " in spaced(caption)]


PIECES = st.sampled_from(
    ["a", "ab", "b", "a b", " ", ",", ".", "`", "\t", "\r", "\n", "é", "e\u0301", "犬", "𝔡", "\ufffd", "A"]
)
CAPTIONS = st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=12)
ENTRIES = (
    (st.lists(PIECES, min_size=1, max_size=4).map("".join) | st.text(min_size=1, max_size=6)).filter(str.strip)
)  # fmt: skip


@given(st.lists(st.none() | CAPTIONS, max_size=6), st.lists(ENTRIES, max_size=8))
@example(["a b a,b", "b", "ab"], ["a", "b", "a b", "b a", "a b a", ",", "ab", "a"])
@example(["a", "b", " ", ""], ["a b", "a  b", "a   b"])
@settings(deadline=None, max_examples=200)
def test_equals_plain_search_for_spaced_substrings(captions, entries):
    found = ConceptMatcher({"": entries}).match(pa.array(captions, pa.string()), pa.array(["en"] * len(captions)))
    assert found.type == pa.list_(pa.int32())
    assert found.to_pylist() == [[] if caption is None else plainly_matched(caption, entries) for caption in captions]
    assert space_captions(pa.array(captions, pa.string())).to_pylist() == [one if one is None else spaced(one) for one in captions]  # fmt: skip


@given(st.lists(CAPTIONS, max_size=6), st.lists(ENTRIES, max_size=8), st.integers(0, 6))
@settings(deadline=None, max_examples=60)
def test_rows_are_matched_independently(captions, entries, cut):
    matcher = ConceptMatcher({"": entries})

    def match(rows):
        return matcher.match(pa.array(rows, pa.string()), pa.array(["en"] * len(rows), pa.string())).to_pylist()

    assert match(captions) == match(captions[:cut]) + match(captions[cut:])


def test_entries_are_not_spaced_where_their_script_is_not():
    entries = {"": ["犬", "dog", "黒い犬", "สุนัข", "개", "がいる"]}
    captions, languages = pa.array(["黒い犬がいる", "hotdog", "a dog", "รูปสุนัขสีดำ", "검은개"]), pa.array(["ja"] * 5)
    matches = ConceptMatcher(entries, spacing="by_script").match(captions, languages)
    assert matches.to_pylist() == [[0, 2], [], [1], [3], []]
    with_kana = ConceptMatcher(entries, spacing="by_script_and_kana").match(captions, languages)
    assert with_kana.to_pylist() == [[0, 2, 5], [], [1], [3], []]
    assert ConceptMatcher(entries).match(captions, languages).to_pylist() == [[], [], [1], [], []]
    assert has_min_matches(matches, minimum=1).to_pylist() == [True, False, True, True, False]
    assert has_min_matches(matches, minimum=0).to_pylist() == [True] * 5


def test_each_language_has_its_own_list_and_others_the_default(tmp_path):
    (tmp_path / "en.json").write_text(json.dumps(["dog", "black dog"]))
    (tmp_path / "fra.txt").write_text("chien\r\nchien noir\n", encoding="utf-8")
    (tmp_path / "default.txt").write_text("perro")
    (tmp_path / "README.md").write_text("no list")
    assert read_lists(str(tmp_path)) == {
        "en": ["dog", "black dog"],
        "fr": ["chien", "chien noir"],
        "default": ["perro"],
    }
    matcher = pickle.loads(pickle.dumps(ConceptMatcher(str(tmp_path))))
    captions = pa.array(["a black dog", "chien noir", "un perro", "dog", "dog"])
    found = matcher.match(captions, pa.array(["en", "fr", "es", "fr", "und"]))
    assert found.to_pylist() == [[0, 1], [0, 1], [0], [], []]
    (tmp_path / "default.txt").unlink()
    assert ConceptMatcher(str(tmp_path)).match(captions, pa.array(["de"] * 5)).to_pylist() == [[]] * 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]", "found 1 at position 0"),
        ('["a", " "]', "found ' ' at position 1"),
        ('["a"', "is not a JSON list"),
        ("a\n\nb", "found '' at position 1"),
        ("", "found nothing"),
        ('{"dog": 3, "cat": 4}', "holds a JSON object"),
        ('{\n  "en": ["dog"]\n}\n', "holds a JSON object"),
        ("<!DOCTYPE html>\n<title>404</title>", "begins with '<!DOCTYPE html>"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1", "begins with 'version https://git-lfs"),
        ("a\0b\nc", "found 'a\\x00b' at position 0"),
        ('["\\ud800"]', "found '\\ud800' at position 0"),
        ("entry,count\ndog,3", "no caption can match an entry of"),
        ("dog\t3\ncat\t4", "without tabs"),
        ('["dog\\ncat"]', "such as 'dog\\ncat'"),
    ],
)
def test_what_is_no_list_of_entries_is_said(tmp_path, content, message):
    (tmp_path / "m.txt").write_text(content)
    with pytest.raises(RecipeError, match=r"^metadata\.entries: .*") as raised:
        ConceptMatcher(str(tmp_path / "m.txt")).load()
    assert message in str(raised.value)


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl", "m.TSV.gz", "m.parquet", "m.yaml"])
def test_tables_are_no_lists(tmp_path, name):
    (tmp_path / name).write_text("dog\ncat\n")
    with pytest.raises(RecipeError, match=f"{name} is a {name.split('.')[1]} file; give a JSON list"):
        read_lists(str(tmp_path / name))


@pytest.mark.parametrize("content", ['"dog"', "null", "dog\ncat"])
def test_json_that_is_no_list_is_no_list(tmp_path, content):
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(RecipeError, match="begins with"):
        read_lists(str(tmp_path / "m.json"))


def test_some_entries_that_no_caption_can_match_are_as_they_are(tmp_path):
    (tmp_path / "m.txt").write_text("dr. who\ncat\n")
    assert read_lists(str(tmp_path / "m.txt")) == {"": ["dr. who", "cat"]}


def test_two_lists_of_one_language_are_said(tmp_path):
    for name in ("en.json", "eng.txt"):
        (tmp_path / name).write_text('["dog"]')
    with pytest.raises(RecipeError, match=r"en\.json and .*eng\.txt are both lists of en; keep one of them"):
        read_lists(str(tmp_path))


def test_missing_lists_are_said(tmp_path):
    with pytest.raises(RecipeError, match=r"metadata\.entries: cannot read .*none\.json"):
        ConceptMatcher(str(tmp_path / "none.json")).load()
    with pytest.raises(RecipeError, match="holds no list; name them by language"):
        ConceptMatcher(str(tmp_path)).load()
