import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.inputs.tables.text_lines import Lines, encoding_of, open_text, without_end

TEXT = "url,caption\r\nhttp://x/1,añb 一只狗 😀\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_text_is_read_in_the_encoding_it_is_in(encoding):
    assert open_text(io.BufferedReader(io.BytesIO(TEXT.encode(encoding)))).read() == TEXT


def test_the_marks_of_big_endian_texts_are_known():
    for encoding in ("utf-16-be", "utf-32-be"):
        content = ("\ufeff" + TEXT).encode(encoding)
        assert open_text(io.BufferedReader(io.BytesIO(content))).read() == TEXT


@pytest.mark.parametrize("content", [b"", b"a", b"\0", b"ab", b"\0\0", b"a\0b", "añ".encode("latin-1")])
def test_what_says_nothing_is_taken_for_utf_8(content):
    assert encoding_of(content) == "utf-8"


def test_bytes_that_are_no_characters_mark_their_own_line():
    assert open_text(io.BufferedReader(io.BytesIO(b"a\n\xff\nb\n"))).read() == "a\n\udcff\nb\n"
    odd = "a\nb\n".encode("utf-16") + b"\x00"
    assert open_text(io.BufferedReader(io.BytesIO(odd))).read() == "a\nb\n\udc80"


@given(st.text(st.sampled_from("\r\na")), st.integers(1, 5))
def test_lines_end_as_python_ends_them(text, most):
    lines = Lines(io.StringIO(text, newline=""))
    found = []
    while taken := lines.take(most):
        assert len(taken) <= most
        found += taken
    assert found == list(io.StringIO(text, newline=""))
    assert [without_end(line) for line in found] == text.replace("\r\n", "\n").replace("\r", "\n").splitlines()
    assert (lines.position, lines.characters) == (len(found), len(text))


def test_of_a_line_without_end_only_its_beginning_is_kept():
    lines = Lines(io.StringIO("x" * 10_000_000 + "\nb\n"), max_characters=1000)
    assert len(lines.take(1)[0]) < 3_000_000
    assert lines.take(1) == ["b\n"]


def test_lines_can_be_looked_at_before_they_are_taken():
    lines = Lines(io.StringIO("a\nb\nc\n"))
    assert (lines.peek(2), lines.peek(3), lines.peek(0)) == ("c\n", None, "a\n")
    assert lines.take(2) == ["a\n", "b\n"]
    lines.skip(-2)
    assert lines.take(9) == ["a\n", "b\n", "c\n"]
