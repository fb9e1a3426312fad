import pyarrow as pa
import pytest

from babelsift.filters.urls import find_non_photo, is_not_non_photo, is_not_opted_out


@pytest.mark.parametrize(
    "url",
    [
        "http://a.de/pixel.gif?id=3", "https://a.de/track.php", "http://a.de/img/1x1.png", "http://a.de/spacer.gif",
        "http://a.de/favicon.ico", "http://a.de/favicon-32x32.png", "http://a.de/icons/mail.png", "http://a.de/sprite.png",
        "http://a.de/apple-touch-icon.png", "https://www.facebook.com/tr?id=1", "https://pixel.quantserve.com/x.gif",
        "http://a.de/blank.jpg", "http://a.de/logo.svg", "http://a.de/emoji/1f600.png", "http://a.de/ajax-loader.gif",
    ],
)  # fmt: skip
def test_pixels_icons_and_sprites(url):
    assert is_not_non_photo(pa.array([url])).to_pylist() == [False]
    assert find_non_photo(pa.array([url]))[0].as_py()


@pytest.mark.parametrize(
    "url",
    [
        "http://a.de/dog.jpg", "http://lexicon.com/a.jpg", "http://a.de/silicon-valley.jpg", "http://pixels.com/dog.jpg",
        "http://a.de/iconic-building.jpg", "http://spriteshop.de/a.jpg", "http://a.de/11x17.jpg", "http://icons.com/a.jpg",
        "http://a.de/racetrack.jpg", "http://a.de/svg-art.jpg",
    ],
)  # fmt: skip
def test_photos_are_kept(url):
    assert is_not_non_photo(pa.array([url])).to_pylist() == [True]
    assert find_non_photo(pa.array([url])).to_pylist() == [None]


def test_opt_outs_hold_whatever_the_scheme_case_of_the_host_and_fragment():
    listed = ["https://A.de/Dog.jpg#top", "b.de/not-a-url"]
    urls = ["http://a.de/Dog.jpg", "https://a.DE/Dog.jpg#x", "http://a.de/dog.jpg", "http://a.de/Dog.jpg?x", None]
    assert is_not_opted_out(pa.array(urls), opted_out_urls=listed).to_pylist() == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("listed", "kept"),
    [
        ("https://A.de/*", [False, False, False, True]),
        ("a.de/photos/*", [False, False, True, True]),
        ("a.de/photos/2024/*", [True, False, True, True]),
        ("a.de/pho*", [True, True, True, True]),
        ("*", [True, True, True, True]),
    ],
)
def test_a_beginning_that_opts_out(listed, kept):
    urls = ["http://a.de/photos/1.jpg", "https://A.de/photos/2024/1.jpg?x#y", "http://a.de/1.jpg", "http://ba.de/1.jpg"]
    assert is_not_opted_out(pa.array(urls), opted_out_urls=[listed]).to_pylist() == kept


def test_a_url_of_slashes_takes_no_time():
    assert is_not_opted_out(pa.array(["http://a.de" + "/" * 100_000]), opted_out_urls=["b.de/*"]).to_pylist() == [True]
