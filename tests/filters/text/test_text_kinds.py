"""Captions that are boilerplate, file names, addresses or markup, and captions that only look a little like them."""

import pyarrow as pa
import pytest

from babelsift.filters import text

BOILERPLATE = [
    "image", "Image 3", "PHOTO", "logo", "Untitled", "untitled-1", "click to enlarge", "Click to Enlarge!", "Bild", "Bild 12",
    "Zum Vergrößern klicken", "imagen", "Haga clic para ampliar", "foto", "изображение", "Фото 5", "Нажмите, чтобы увеличить",
    "画像", "画像１", "クリックで拡大", "图片", "圖片", "点击查看大图", "صورة", "صورة 2", "اضغط للتكبير", "תמונה", "이미지", "이미지 없음",
    "รูปภาพ", "hình ảnh", "Resim", "RESİM", "εικόνα", "छवि", "ＩＭＡＧＥ", "image image photo", "«Photo»", "Cliquez pour agrandir",
    "I\u200bmage", "no image available", "Kuva", "obrázek", "zdjęcie", "Imagem", "immagine", "afbeelding", "billede",
    "Stock Photo", "Lizenzfreie Stockfotos", "Load image into Gallery viewer", "On Pinterest", "図",
]  # fmt: skip
FILENAMES = [
    "IMG_1234.jpg", "IMG_1234", "img 1234", "DSC0021", "DSC_0021.JPG", "DSCN1234", "photo-3.png", "photo-3", "P1010234",
    "Screenshot 2020-01-01", "Screenshot 2020-01-01 at 10.00.00", "Screen Shot 2019-12-31 at 5.04.12 PM.png",
    "Screenshot_20200101-123456", "Bildschirmfoto 2020-01-01 um 10.00.00", "Снимок экрана 2020-01-01", "スクリーンショット 2020-01-01",
    "屏幕截图 2020-01-01", "WhatsApp Image 2020-01-01 at 10.00.00", "IMG-20200101-WA0001", "PXL_20210101_123456789", "brown_dog_01",
    "  dog.jpeg ", "Hund im Schnee.png", "собака.jpg", "犬.png", "/images/a/b.gif", "C:\\Bilder\\hund.bmp", "File:Dog.svg",
    "123456_7890_n", "de305d54-75b4-431b-adb2-eb6b9e546014", "d41d8cd98f00b204e9800998ecf8427e", "image (3)", "a.webp?w=100",
    "image.JPG (45 KB)", "微信图片_20200101123456", "_DSC0042",
]  # fmt: skip
URLS = [
    "http://example.com/a.jpg", "https://例え.jp/画像", "www.example.com", "example.com", "shop.example.co.uk/item?id=1",
    "see http://example.com/a/long/path", "http://a.de http://b.de", "mailto:someone@example.org", "file:///etc/passwd",
    "EXAMPLE.COM", "data:image/png;base64,AAAA",
]  # fmt: skip
MARKUP = [
    "<b>Dog</b>", "Dog<br/>snow", "<img src='a.jpg'", "&lt;p&gt;Dog", "&nbsp;Dog", "[img]a[/img]", "[url=http://a.de]x", "[b]dog[/b]",
    '[caption id="a1" width="3"]Dog', '{"alt": "dog"}', "{{ title }}", "{% if x %}", "${product.name}", "%title_text%", "<%= alt %>",
    "[[File:Dog.jpg]]", "![dog](https://a.de/b.jpg)", "<!-- dog -->", 'alt="dog"', "function() {", "[object Object]", "Dog {0}",
    "{product_name}", "\\u00e9t\\u00e9",
]  # fmt: skip
CAPTIONS = [
    "a dog in the snow", "Image of a black dog", "Photo by John at the beach", "BUY NOW", "Hund", "Ein Bild von einem Hund",
    "how to open .jpg files", "Boeing 747-400", "covid-19 vaccine", "iPhone 11", "mother-in-law", "T-Shirt, 3 for $5 & more",
    "Dogs &amp; cats", "dog @ www.example.com in the deep white snow", "e.g. a dog", "U.S.A. flag", "A < B and C > D", "[Video] a dog",
    "[1920x1080] dog wallpaper", "I <3 dogs", "50% off (sale)", "雪地里的黑狗", "雪の中の犬の写真", "собака в снегу", "كلب أسود في الثلج",
    "สุนัขในหิมะ", "검은 개", "Dr. Smith", "Fish {rare}", "No. 5", "Version 2.0", "AC/DC", "12:30", "R&B", "12345", "…",
]  # fmt: skip

KINDS = {
    "boilerplate": (text.is_not_boilerplate, BOILERPLATE),
    "filename": (text.is_not_filename, FILENAMES),
    "url": (text.is_not_url, URLS),
    "markup": (text.is_free_of_markup, MARKUP),
}


@pytest.mark.parametrize(("keeps", "captions"), KINDS.values(), ids=KINDS.keys())
def test_rejects_its_kind(keeps, captions):
    assert [
        caption for caption, kept in zip(captions, keeps(pa.array(captions)).to_pylist(), strict=True) if kept
    ] == []


@pytest.mark.parametrize("keeps", [keeps for keeps, _ in KINDS.values()], ids=KINDS.keys())
def test_keeps_captions(keeps):
    assert [
        caption for caption, kept in zip(CAPTIONS, keeps(pa.array(CAPTIONS)).to_pylist(), strict=True) if not kept
    ] == []


@pytest.mark.parametrize("keeps", [keeps for keeps, _ in KINDS.values()], ids=KINDS.keys())
def test_an_empty_caption_is_none_of_them(keeps):
    assert keeps(pa.array(["", " ", None])).to_pylist() == [True, True, False]


def test_normalising_leaves_letters_and_single_spaces():
    captions = pa.array(["  Click -- to ENLARGE!! 3", "Ｉｍａｇｅ１", "фо\u00adто.", "कुत्ता 2", "123", None])
    expected = ["click to enlarge", "image", "фото", "कुत्ता", "", None]
    assert text.normalise_caption(captions).to_pylist() == expected


def test_measures_say_what_was_found():
    assert text.find_filename(pa.array([" IMG_1.jpg ", "a dog", None])).to_pylist() == ["IMG_1.jpg", None, None]
    assert text.find_markup(pa.array(["a <b>dog</b>", "a dog", None])).to_pylist() == ["<b>", None, None]
    assert text.url_ratio(pa.array(["ab www.a.de", "dog", "", None])).to_pylist() == [0.8, 0.0, 0.0, None]


@pytest.mark.parametrize(
    ("keeps", "measure"), [(text.is_not_filename, text.find_filename), (text.is_free_of_markup, text.find_markup)]
)
def test_filters_and_their_measures_agree(keeps, measure):
    captions = pa.array(BOILERPLATE + FILENAMES + URLS + MARKUP + CAPTIONS)
    assert keeps(captions).to_pylist() == measure(captions).is_null().to_pylist()
