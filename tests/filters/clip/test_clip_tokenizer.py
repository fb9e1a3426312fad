import random
from concurrent.futures import ThreadPoolExecutor

import ftfy
import open_clip
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from babelsift.filters.clip.tokenizer import ClipTokenizer, fast_tokenizer, is_left_alone_by_ftfy
from babelsift.pipelines.demo.web import build_web

REFERENCE = open_clip.get_tokenizer("ViT-B-32")
OURS = fast_tokenizer(open_clip.get_tokenizer("ViT-B-32"))
ODD = [
    "",
    "   ",
    "It's JOHN'S, they'LL; we\u2019ve 'd 's",
    "'\u017f long s, \u212a kelvin, \u0130stanbul DI\u015e",
    "<start_of_text> a <END_OF_TEXT> b <end_of_text>",
    "&amp;lt; &eacute; caf\u00e9 cafe\u0301 \ufb01ne \u0133 \u01c6",
    "sch\u00c3\u00b6n \u00e2\u20ac\u2122 mojibake",
    "\u200d\U0001f469\u200d\U0001f680 \U0001f1e9\U0001f1ea \ud800 lone",
    "\uff26\uff35\uff2c\uff2c \u3000 wide \uff8a\uff9d\uff76\uff78",
    "\x00\x1b[31m control \x7f \u0085",
    "a" * 500,
    "12345678901234567890 \u0663\u0664 \u00bd",
    "\u0e04\u0e19\u0e01\u0e33\u0e25\u0e31\u0e07\u0e40\u0e25\u0e48\u0e19 \u0939\u093f\u0928\u094d\u0926\u0940 \u0958",
    "\U0001fae8 \U00031350 newest characters \u1c89",
]
BLOCKS = [
    (0x20, 0x7F), (0xA0, 0x250), (0x250, 0x530), (0x530, 0x900), (0x900, 0xE80), (0xE80, 0x2000), (0x2000, 0x2E00),
    (0x3000, 0x3400), (0x4E00, 0x5200), (0xAC00, 0xB000), (0xD7F0, 0xE010), (0xF900, 0x11000), (0x1F300, 0x1FB00),
]  # fmt: skip
ANY_TEXT = st.lists(
    st.sampled_from(BLOCKS).flatmap(lambda block: st.text(st.characters(min_codepoint=block[0], max_codepoint=block[1] - 1))),
    max_size=4,
).map(" ".join)  # fmt: skip


def assert_same(captions, ours=OURS, reference=REFERENCE):
    for caption, mine, its in zip(captions, ours(captions), reference(captions), strict=True):
        assert torch.equal(mine, its), caption


def test_it_is_ours():
    assert isinstance(OURS, ClipTokenizer)
    assert OURS.context_length == REFERENCE.context_length == 77


def test_odd_captions():
    assert_same(ODD)


def test_the_demos_captions_in_their_languages():
    assert_same([pair.caption for pair in build_web(3, 600).pairs])


def test_every_character_of_the_first_planes():
    points = [point for point in range(0x20000) if not 0xE010 < point < 0xF900 and not 0x5000 < point < 0x9F00]
    words = [chr(point) for point in points if not 0xAD00 < point < 0xD700]
    assert_same(
        [" ".join(words[start : start + 60]) + "".join(words[start : start + 9]) for start in range(0, len(words), 60)]
    )


@settings(max_examples=300)
@given(ANY_TEXT)
@example("a'\u017f")
def test_any_text(text):
    assert_same([text])


@settings(max_examples=300)
@given(ANY_TEXT)
def test_what_skips_ftfy_is_what_ftfy_leaves_alone(text):
    if is_left_alone_by_ftfy(text):
        assert ftfy.fix_text(text) == text


@pytest.mark.parametrize("clean", ["lower", "whitespace", "canonicalize"])
@pytest.mark.parametrize("context", [8, 77])
def test_other_cleaning_and_length(clean, context):
    make = lambda: open_clip.SimpleTokenizer(context_length=context, clean=clean)  # noqa: E731
    assert_same([*ODD, "A_Cat, on: a MAT! " * 9], ClipTokenizer(make()), make())


def test_tokenizers_of_other_kinds_are_left_alone():
    masking = open_clip.SimpleTokenizer(reduction_mask="simple")
    assert fast_tokenizer(masking) is masking
    assert fast_tokenizer(len) is len


def test_the_memory_of_words_is_bounded():
    ours = ClipTokenizer(open_clip.get_tokenizer("ViT-B-32"), max_cached_words=20)
    captions = [f"unheardof{chr(97 + n)}word cat <end_of_text>" for n in range(26)]
    for start in range(0, 26, 5):
        assert_same(captions[start : start + 5], ours)
    assert ours.cached_words <= 20


def test_threads_share_it():
    shared = ClipTokenizer(open_clip.get_tokenizer("ViT-B-32"), max_cached_words=200)
    rng = random.Random(0)
    parts = [["".join(rng.choices("abcdef ", k=40)) for _ in range(20)] for _ in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(shared, parts))
    assert all(torch.equal(mine, REFERENCE(part)) for mine, part in zip(found, parts, strict=True))
