"""What is taken off captions, and what looks like it and stays."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.text import edit_captions
from babelsift.filters.text.stripping import strip_filenames, strip_markup, strip_phrases, strip_urls
from babelsift.schemas.recipe import CaptionEdits

ALL = CaptionEdits(strip=("markup", "urls", "phrases", "filenames"))


def only(strip, captions):
    return strip(pa.array(captions, pa.string())).to_pylist()


@pytest.mark.parametrize(
    ("caption", "stripped"),
    [
        ("In the game <em>Portal 2</em>, players jump", "In the game Portal 2, players jump"),
        ("1 penny <br /> 1837", "1 penny 1837"),
        ("front &amp;amp; back", "front & back"),
        ("&lt;i&gt;Tiger&lt;/i&gt; asleep", "Tiger asleep"),
        ("C&Aacute;CERES, l&#8217;&eacute;t&eacute; &amp; more", "CÁCERES, l’été & more"),
        ("<script>var a = 1</script>red <b>kite", "red kite"),
        ("[b]red kite[/b] [img]", "red kite"),
        ("<p>red</ p><b>kite</ b>", "red kite"),
        ("<!-- 12 -->red kite <a href='x", "red kite"),
    ],
)
def test_markup_goes(caption, stripped):
    assert only(strip_markup, [caption]) == [stripped]


@pytest.mark.parametrize(
    "caption",
    [
        "I <3 dogs",
        "A < B and C > D",
        "a < b and c > d in a picture of mathematics",
        "where x < p and q > r",
        "shown < br > as written",
        "AT&T tower",
        "R&B, T&C",
        "[Video] a dog",
        "x&copy=3",
        "<br/>",
        "&nbsp;",
        "[1920x1080] dog",
    ],
)
def test_what_only_looks_like_markup_stays(caption):
    assert only(strip_markup, [caption]) == [caption]


@pytest.mark.parametrize(
    ("caption", "stripped"),
    [
        ("Canvas tote bag with pocket. http://a.com/b?c=1", "Canvas tote bag with pocket."),
        ("Nature tones - https://www.a-b.com/x/y-6", "Nature tones"),
        ("Letter template from www.example.net", "Letter template"),
        ("hund im schnee, quelle: http://a.de/b.jpg", "hund im schnee"),
        ("red kite (http://a.com) over hills", "red kite over hills"),
        ("http://a.com/b", "http://a.com/b"),
        ("kite http://a.com/b", "kite http://a.com/b"),
        ("available at example.com", "available at example.com"),
        ("https://a.com/x/red kite over hills.jpg", "https://a.com/x/red kite over hills.jpg"),
    ],
)
def test_addresses_go_where_words_are_left(caption, stripped):
    assert only(strip_urls, [caption]) == [stripped]


@pytest.mark.parametrize(
    ("caption", "stripped"),
    [
        ("tamale pie with serving spoon.jpg", "tamale pie with serving spoon"),
        ("File:Alice with sisters.jpg", "Alice with sisters"),
        ("Datei:Hund im Schnee.JPG", "Hund im Schnee"),
        ("county sign IMG 2287.JPG", "county sign"),
        ("tractor at the fair - DSC_0639", "tractor at the fair"),
        ("man_with_horse_head_in_the_stands", "man with horse head in the stands"),
        ("220px-Rise_of_nine_cover.png", "Rise of nine cover"),
        ("village_parade_2011_winners.png", "village parade 2011 winners"),
        ("собака_бежит_в_снегу.jpg", "собака бежит в снегу"),
        ("雪の中の黒い犬.png", "雪の中の黒い犬"),
        ("IMG_2287.JPG", "IMG_2287.JPG"),
        ("spyker-c8-1.JPG", "spyker-c8-1.JPG"),
        ("h2x1_NS12_XC2_image1600w", "h2x1_NS12_XC2_image1600w"),
        ("mother-in-law at the door", "mother-in-law at the door"),
        ("concert, 14.05.2016", "concert, 14.05.2016"),
        ("frame 300x200 mm", "frame 300x200 mm"),
        ("how to open .jpg files", "how to open .jpg files"),
    ],
)
def test_names_of_files_become_the_words_in_them(caption, stripped):
    assert only(strip_filenames, [caption]) == [stripped]


@pytest.mark.parametrize(
    ("caption", "stripped"),
    [
        ("Load image into Gallery viewer, Blue mug", "Blue mug"),
        ("Bild in Galerie-Viewer laden, Blaue Tasse", "Blaue Tasse"),
        ("Charger l'image dans la galerie, Tasse bleue", "Tasse bleue"),
        ("ギャラリービューアに画像を読み込む, 青いマグカップ", "青いマグカップ"),
        ("Thumbnail for Blue mug", "Blue mug"),
        ("Click to view larger image of Blue mug", "Blue mug"),
        ("Large image of blue mug - opens in a new window", "blue mug"),
        ("Red fox in snow — Stock Photo #123456", "Red fox in snow"),
        ("Red fox in snow — Стоковое фото", "Red fox in snow"),
        ("Rotfuchs im Schnee - Stockfoto", "Rotfuchs im Schnee"),
        ("Red fox Royalty Free Stock Images", "Red fox"),
        ("Red fox vector | Price: 1 Credit (USD $1)", "Red fox vector"),
        ("Dog cake ideas on Pinterest", "Dog cake ideas"),
        ("2013 Ford Escape - Image 3 of 17", "2013 Ford Escape"),
        ("Fox cubs (Photo: A. Miller / Getty Images)", "Fox cubs (Photo: A. Miller)"),
        ("雪地里的黑狗 - 图库照片", "雪地里的黑狗"),
        ("Stock Photo", "Stock Photo"),
        ("Click to enlarge", "Click to enlarge"),
        ("Photo 3 of 12 of the old castle", "Photo 3 of 12 of the old castle"),
        ("Boat trip on the Amazon", "Boat trip on the Amazon"),
        ("a stock photo agency's office", "a stock photo agency's office"),
        ("thumbnail sketches of birds", "thumbnail sketches of birds"),
    ],
)
def test_phrases_of_pages_go_at_both_ends(caption, stripped):
    assert only(strip_phrases, [caption]) == [stripped]


def test_edits_are_recorded_in_their_order():
    captions = pa.array(["Thumbnail for <b>red &amp; blue</b> kite.jpg http://a.com/", "a dog", None])
    edited, changes = edit_captions(captions, ALL)
    assert edited.to_pylist() == ["red & blue kite", "a dog", None]
    assert changes.to_pylist() == ["markup,urls,phrases,filenames", None, None]


PIECES = st.sampled_from(
    [
        "red",
        "kite",
        "雪の犬",
        "<b>",
        "</b>",
        "&amp;amp;",
        "http://a.com/b",
        "www.a.com",
        ".jpg",
        "IMG_1234",
        "File:",
        "|",
        "-",
        "(",
        ")",
        "Stock",
        "Photo",
        "Thumbnail",
        "for",
        "12",
        "_",
        "\n",
    ]
)


@given(st.lists(st.one_of(st.none(), st.lists(PIECES, max_size=8).map(" ".join), st.text(max_size=20)), max_size=6))
@settings(deadline=None, max_examples=100)
def test_something_is_left_and_rows_are_independent(rows):
    edited, changes = edit_captions(pa.array(rows, pa.string()), ALL)
    alone = [edit_captions(pa.array([row], pa.string()), ALL)[0][0].as_py() for row in rows]
    assert edited.to_pylist() == alone
    assert edited.is_null().to_pylist() == [row is None for row in rows]
    for row, text, change in zip(rows, edited.to_pylist(), changes.to_pylist(), strict=True):
        assert (change is None) == (row == text) or row is None
        assert not row or text
