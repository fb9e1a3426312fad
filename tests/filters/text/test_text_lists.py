from typing import get_args

import pyarrow as pa
import pytest

from babelsift.filters.strings.entry_lists import read_entries
from babelsift.filters.text import (
    FlaggedWords,
    NgramVocabulary,
    edit_captions,
    has_frequent_tokens_only,
    has_parts_of_speech,
    is_free_of_control_characters,
    is_free_of_flagged_words,
    is_free_of_mojibake,
    load_tagger,
    repair_mojibake,
    shipped_flagged_words,
)
from babelsift.schemas import RecipeError
from babelsift.schemas.recipe import CaptionEdits
from babelsift.schemas.recipe.groups.settings import EntryList, FlaggedLanguage


@pytest.mark.parametrize(
    ("word", "caption", "kept"),
    [
        ("ass", "a class act", True), ("ass", "ASS!", False), ("ass", "a\u200bss", False), ("ass", "ａｓｓ", False),
        ("ass", "ass\u0301", True), ("big dog", "a Big DOG.", False), ("big dog", "a big dogs", True),
        ("犬だ", "黒犬だよ", False), ("グロ", "グローバル", True), ("グロ", "エロとグロ!", False), ("グロ", "アナグロ", True),
        ("性", "女性の写真", True), ("性", "性 1", False), ("性交", "女性交差点", False), ("หมา", "ลูกหมาดำ", False),
        ("dog", "黒dog犬", False), ("dog", "dog3", True), ("c++", "c++ code", False),
        ("كلب", "كلب أسود", False), ("كلب", "وكلب", True), ("é", "e\u0301", False),
    ],
)  # fmt: skip
def test_flagged_words_stand_alone_where_words_are_spaced(word, caption, kept):
    assert is_free_of_flagged_words(pa.array(["x", caption, None]), words=[word]).to_pylist() == [True, kept, False]


def test_a_shipped_list_has_the_words_of_its_languages_alone():
    english, german = (set(shipped_flagged_words([language])) for language in ("en", "de"))
    assert "bitch" in english - german
    assert "scheiße" in german - english
    assert set(shipped_flagged_words(["de", "en"])) == english | german


@pytest.mark.parametrize("language", get_args(FlaggedLanguage))
def test_every_language_that_a_recipe_may_name_ships(language):
    words = shipped_flagged_words([language])
    assert len(words) == len(set(words)) >= 20
    assert all(FlaggedWords([word]).words for word in words)


def test_shipped_words_leave_out_few_captions_in_other_words():
    words = FlaggedWords(shipped_flagged_words(["en", "ja", "zh"]))
    ordinary = ["a class photo of cocktails", "グローバル企業", "女性の写真", "牛奶巧克力", "Essex and Scunthorpe"]
    assert words.find(pa.array(ordinary)).null_count == len(ordinary)


def test_mojibake_is_found_and_repaired():
    broken = ["cafÃ© au lait", "Ð¡Ð¾Ð±Ð°ÐºÐ°", "â€œhiâ€\x9d", "lost \ufffd"]
    whole = ["café", "naïve façade", "Größe", "Пёс", "犬の写真", "L'Hôtel à côté", "ÀÉÎ ÕÜ", "Ærø – «å»", None]
    assert is_free_of_mojibake(pa.array(broken)).to_pylist() == [False] * 4
    assert is_free_of_mojibake(pa.array(whole)).to_pylist() == [True] * 8 + [False]
    assert repair_mojibake(pa.array(broken)).to_pylist() == ["café au lait", "Собака", "“hi”", "lost \ufffd"]
    assert repair_mojibake(pa.array(whole)).to_pylist() == whole


def test_control_characters_are_not_marks_or_line_ends():
    captions = ["a\tb\r\n", "a\u200f\u200d😀", "a\x00", "\x7f", "\x9f", "\ufffe", "\U0001ffff", "שלום\u202e", None]
    assert is_free_of_control_characters(pa.array(captions)).to_pylist() == [True, True] + [False] * 5 + [True, False]


def test_every_token_must_be_in_the_vocabulary():
    captions = pa.array(["A dog, a DOG", "a cat", "dog a", "", "黒い犬", None])
    known = NgramVocabulary.of(["a", "dog", "a dog", "dog a", "黒い", "い犬"])
    assert has_frequent_tokens_only(captions, vocabulary=known, bigrams=False).to_pylist() == [
        True, False, True, True, True, False,
    ]  # fmt: skip
    fewer = NgramVocabulary.of(["a", "dog", "a dog"])
    assert has_frequent_tokens_only(captions, vocabulary=fewer, bigrams=True).to_pylist() == [
        False, False, False, True, False, False,
    ]  # fmt: skip


def test_a_vocabulary_file_may_have_counts_and_be_compressed(tmp_path):
    import gzip

    with gzip.open(tmp_path / "v.txt.gz", "wt", encoding="utf-8") as file:
        file.write("a\t90\ndog\t7\na dog\t3\n")
    assert len(NgramVocabulary.read(str(tmp_path / "v.txt.gz"))) == 3
    (tmp_path / "empty.txt").touch()
    for name in ("empty.txt", "none.txt"):
        with pytest.raises(RecipeError, match=rf"captions\.vocabulary\.file: .*{name}"):
            NgramVocabulary.read(str(tmp_path / name))


def test_parts_of_speech_by_the_english_tagger_that_ships():
    captions = pa.array(["A black dog", "black dog", "very quickly", "", None])
    tagger = load_tagger("textblob")
    assert has_parts_of_speech(captions, needs=["noun"], tagger=tagger).to_pylist() == [True, True, False, False, False]
    assert (
        has_parts_of_speech(captions, needs=["noun", "determiner"], tagger=tagger).to_pylist() == [True] + [False] * 4
    )


def test_a_tagger_that_is_not_there_is_an_error_that_says_so():
    with pytest.raises(RecipeError, match="cannot import 'no_such_module'"):
        load_tagger("no_such_module:tag")
    with pytest.raises(RecipeError, match=r"'json' has no function 'tag'; or name a function `module:function`"):
        load_tagger("json:tag")
    with pytest.raises(ValueError, match="tags of 0 captions, 1 were given"):
        has_parts_of_speech(pa.array(["a"]), needs=["noun"], tagger=lambda captions: [])


def test_edits_are_made_in_order_and_named():
    captions = pa.array(["cafÃ©: a@b.de", "e\u0301", "dog", None, "call +49 30 1234567"])
    edits = CaptionEdits(unicode="NFC", repair_mojibake=True, mask=("phone_numbers", "emails"))
    edited, changes = edit_captions(captions, edits)
    assert edited.to_pylist() == ["café: [email]", "é", "dog", None, "call [phone]"]
    assert changes.to_pylist() == ["mojibake,emails", "NFC", None, None, "phone_numbers"]


def test_compatibility_forms_only_where_asked_for():
    assert edit_captions(pa.array(["ﬁ ①"]), CaptionEdits(unicode="NFC"))[0].to_pylist() == ["ﬁ ①"]
    assert edit_captions(pa.array(["ﬁ ①"]), CaptionEdits(unicode="NFKC"))[0].to_pylist() == ["fi 1"]


def test_lists_come_from_the_recipe_and_from_files(tmp_path):
    (tmp_path / "words.txt").write_text("\ufeff# bad words\n\n  foo \r\nbar # no comment\n", encoding="utf-8")
    source = EntryList(entries=("baz",), files=(str(tmp_path / "words.txt"),))
    assert list(read_entries(source, setting="x")) == ["baz", "foo", "bar # no comment"]
    with pytest.raises(RecipeError, match=r"captions\.flagged_words: cannot read .*none\.txt"):
        list(read_entries(EntryList(files=(str(tmp_path / "none.txt"),)), setting="captions.flagged_words"))


@pytest.mark.parametrize("content", ['["dog", "cat"]', '{"en": ["dog"]}', '{\n "words": []\n}'])
def test_a_list_of_lines_is_no_json(tmp_path, content):
    (tmp_path / "words.txt").write_text(content)
    with pytest.raises(RecipeError, match=r"words\.txt holds a JSON (list|object); write one entry a line"):
        list(read_entries(EntryList(files=(str(tmp_path / "words.txt"),)), setting="captions.flagged_words"))
    (tmp_path / "words.txt").write_text("[dog]\n{cat\n")
    assert [*read_entries(EntryList(files=(str(tmp_path / "words.txt"),)), setting="s")] == ["[dog]", "{cat"]
