import pytest

from babelsift.pipelines.inputs.columns import (
    ColumnChoice,
    PairColumns,
    choose_columns,
    choose_text_columns,
    parse_columns,
    recipe_columns,
)
from babelsift.schemas import InputError

NONE = ColumnChoice()


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("url=link,caption=alt", ColumnChoice("link", "alt")),
        ("caption=alt", ColumnChoice(None, "alt")),
        ("url=1", ColumnChoice("1", None)),
        ("caption=a, b,url=x=y", ColumnChoice("x=y", "a, b")),
        ("caption=a+b/c,language=d", ColumnChoice(None, "a+b/c", "d")),
        ("license=rights,url=u", ColumnChoice("u", license="rights")),
    ],
)
def test_columns_are_named_in_one_option(text, choice):
    assert parse_columns(text) == choice


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unknown key ''; it takes url=NAME|N,caption=NAME|N[+NAME...]"),
        ("link", "unknown key 'link'"),
        ("captoin=alt", "unknown key 'captoin'; did you mean 'caption'?"),
        ("url=a,lang=b", "unknown key 'lang'"),
        ("url=a,url=b", "url is there twice"),
        ("url=,caption=b", "url names no column"),
    ],
)
def test_another_syntax_is_one_line_that_shows_it(text, message):
    with pytest.raises(InputError) as raised:
        parse_columns(text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("choice", "names", "pair"),
    [
        (NONE, ["TEXT", "URL"], (1, 0)),
        (NONE, ["Url", "Caption"], (0, 1)),
        (NONE, [" url", "caption "], (0, 1)),
        (NONE, ["image url", "Alt-Text"], (0, 1)),
        (NONE, ["url", "URL", "caption"], (1, 2)),
        (NONE, ["caption", "Caption", "url"], (2, 0)),
        (ColumnChoice("link", "ALT"), ["link", "alt"], (0, 1)),
        (ColumnChoice("2", "1"), ["a", "b"], (1, 0)),
        (ColumnChoice("1", "2"), ["2", "1"], (1, 0)),
        (ColumnChoice("url", "3"), ["url", "caption", "caption"], (0, 2)),
    ],
)
def test_names_are_matched_without_case_and_blanks_where_one_is_meant(choice, names, pair):
    assert choose_columns(choice, names, where="a.parquet") == PairColumns(pair[0], ((pair[1],),))


@pytest.mark.parametrize(
    ("choice", "names", "message"),
    [
        (NONE, ["url", "caption", "caption"], "columns 2 and 3 are both named 'caption'.*--columns caption=2"),
        (NONE, ["Url", "uRL", "caption"], "columns 1 and 2 are both named 'Url' and 'uRL'.*--columns url=1"),
        (NONE, ["link", "caption"], "cannot tell.*it has link, caption; set --url-col NAME, or --columns url=NAME"),
        (NONE, [], "it has none"),
        (ColumnChoice("lnk", None), ["link", "caption"], "no column 'lnk'; did you mean 'link'"),
        (ColumnChoice("3", None), ["link", "caption"], "no column '3'"),
        (ColumnChoice("0", None), ["link", "caption"], "no column '0'"),
        (ColumnChoice("1", "1"), ["url", "caption"], "'url' is both the URL and the caption"),
        (ColumnChoice(license="url"), ["url", "caption"], "'url' is both the license and the pair"),
        (ColumnChoice(license="rihgts"), ["url", "caption", "rights"], "no column 'rihgts'; did you mean 'rights'"),
        (parse_columns("caption=alt"), ["url", "caption"], r"no column 'alt'.*\(set --columns caption=NAME\|N\)"),
        (recipe_columns("caption=alt"), ["url", "caption"], r"\(set read.columns: caption=NAME\|N\)"),
        (ColumnChoice("lnk", option="--url-col"), ["url", "caption"], r"\(set --url-col NAME\)"),
    ],
)
def test_what_cannot_be_told_is_one_line_with_the_remedy(choice, names, message):
    with pytest.raises(InputError, match=message):
        choose_columns(choice, names, where="a.parquet")


@pytest.mark.parametrize(
    ("choice", "first_row", "columns"),
    [
        (NONE, ["a small dog", "http://x/1.jpg"], PairColumns(1, ((0,),), has_header=False)),
        (NONE, ["https://x/1.jpg", "a small dog"], PairColumns(0, ((1,),), has_header=False)),
        (NONE, ["url", "caption"], PairColumns(0, ((1,),))),
        (NONE, ["caption", "url", "http://schema.example/name"], PairColumns(1, ((0,),))),
        (ColumnChoice("2", "3"), ["7", "http://x/1.jpg", "a dog"], PairColumns(1, ((2,),), has_header=False)),
        (ColumnChoice(None, "3"), ["7", "http://x/1.jpg", "a dog"], PairColumns(1, ((2,),), has_header=False)),
        (ColumnChoice("2", "3"), ["id", "link", "alt"], PairColumns(1, ((2,),))),
        (ColumnChoice("1", "2"), ["http://x/1.jpg", "http://x/"], PairColumns(0, ((1,),), has_header=False)),
    ],
)
def test_a_first_row_with_a_url_is_no_header(choice, first_row, columns):
    assert choose_text_columns(choice, first_row, where="a.tsv") == columns


@pytest.mark.parametrize(
    ("choice", "first_row", "message"),
    [
        (NONE, ["7", "http://x/1.jpg", "a dog"], "no header, and 3 columns.*--columns url=2,caption=N"),
        (NONE, ["http://x/1.jpg", "http://y/1.jpg"], "no header.*--columns url=N,caption=N"),
        (NONE, ["http://x/1.jpg"], "no header, and 1 columns"),
        (ColumnChoice("link", None), ["http://x/1.jpg", "a dog"], "has no column 'link'"),
        (NONE, ["a dog", "x/1.jpg"], "cannot tell which of its columns"),
    ],
)
def test_a_file_without_a_header_asks_for_numbers_where_it_has_to(choice, first_row, message):
    with pytest.raises(InputError, match=message):
        choose_text_columns(choice, first_row, where="a.tsv")
