"""Lines longer than any row: bounded in memory, read in a time that grows with the file alone."""

import io

import pytest

from babelsift.pipelines.inputs.tables.text_lines import Lines


class Counted(io.StringIO):
    """A text without a line's end, of so many characters, that is never there as a whole."""

    def __init__(self, characters: int, end: str) -> None:
        super().__init__(end)
        self.left = characters

    def read(self, size: int | None = -1, /) -> str:
        taken = min(self.left, size or 0)
        self.left -= taken
        return "x" * taken if taken else super().read(size)


@pytest.mark.parametrize("end", ["\nnext\n", "\r\nnext\n"])
def test_of_an_overlong_line_the_beginning_is_kept_and_the_next_is_whole(end):
    lines = Lines(Counted(3 << 20, end), max_characters=1000)
    first, second = lines.take(10)
    assert 1000 <= len(first) <= (1 << 20) + 2
    assert (first.strip("x"), second) == (end.removesuffix("next\n"), "next\n")
