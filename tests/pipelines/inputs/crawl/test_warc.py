"""WARC files: the images of pages, and every text that stands for one."""

import gzip
import io
import zlib

import pytest
import zstandard

from babelsift.pipelines.inputs.crawl.warc import read_warc
from tests.support.crawl_files import page_record

PAGE = "https://example.org/blog/dogs.html"


def blocks(*records, path="a.warc.gz"):
    return list(read_warc(io.BytesIO(b"".join(records)), path, rows=100))


def rows(*records):
    return [row for block in blocks(*records) for row in block.batch.to_pylist()]


def images(html, **settings):
    return rows(page_record(PAGE, html, **settings))


def image(html, **settings):
    [row] = images(html, **settings)
    return {name: value for name, value in row.items() if value is not None}


FULL = """<!doctype html><html lang="de"><head><title>Hunde &amp; mehr</title><base href="/media/">
<meta property="og:image" content="https://example.org/og.jpg"><meta property="og:title" content="Ein Hund">
<meta property="og:description" content="Er bellt."><meta property="og:image:alt" content="ein Hund am Strand">
<link rel="license" href="https://creativecommons.org/licenses/by/4.0/"></head><body>
<h1>Unsere Hunde</h1><p>Rex ist da. Er ist <b>sehr</b> lieb.</p>
<figure><picture><source srcset="rex-2000.webp 2000w, rex-400.webp 400w"><img src="rex.jpg" alt="Rex am Strand"
 title="Rex"></picture><figcaption>Rex, <i>drei</i> Jahre alt</figcaption></figure>
<p>Danach schläft er. Lange.</p></body></html>"""


def test_an_image_has_every_text_that_stands_for_it():
    main, graph = images(FULL)
    assert {name: value for name, value in main.items() if value is not None} == {
        "url": "https://example.org/media/rex.jpg",
        "alt": "Rex am Strand",
        "title": "Rex",
        "figcaption": "Rex, drei Jahre alt",
        "heading": "Unsere Hunde",
        "text_before": "Er ist sehr lieb.",
        "text_after": "Danach schläft er.",
        "lang": "de",
        "link_path": "IMG@/src",
        "page_url": PAGE,
        "page_language": "de",
        "page_title": "Hunde & mehr",
        "page_license": "https://creativecommons.org/licenses/by/4.0/",
        "warc_filename": "a.warc.gz",
        "warc_record_offset": 0,
    }
    assert (graph["url"], graph["alt"], graph["og_title"], graph["og_description"], graph["link_path"]) == (
        "https://example.org/og.jpg", "ein Hund am Strand", "Ein Hund", "Er bellt.", "META@/og:image",
    )  # fmt: skip


def test_open_graphs_image_that_is_on_the_page_has_its_texts():
    html = '<meta property="og:image" content="/a.jpg"><meta property="og:title" content="T"><img src="/a.jpg" alt="a">'
    assert (image(html)["og_title"], image(html)["alt"]) == ("T", "a")


@pytest.mark.parametrize(
    ("html", "url", "path"),
    [
        ('<img src="a.jpg">', "a.jpg", "IMG@/src"),
        ('<img src="blank.gif" data-src="b.jpg">', "b.jpg", "IMG@/data-src"),
        ('<img src="data:image/gif;base64,R0" srcset="s.jpg 1x, l.jpg 2x">', "l.jpg", "IMG@/srcset"),
        ('<picture><source srcset="p.webp 800w"><img alt="a"></picture>', "p.webp", "SOURCE@/srcset"),
        ('<img src="#" data-lazyload="b.jpg">', "b.jpg", "IMG@/data-lazyload"),
        ('<img src="#" srcset="/blog/w_1,h_1/s.jpg 1x">', "w_1,h_1/s.jpg", "IMG@/srcset"),
        ('<img src="a.jpg" data-lazy="true" loading="lazy">', "a.jpg", "IMG@/src"),
        ("""<img src="a.jpg" data-src='{"wide": "b.jpg"}'>""", "a.jpg", "IMG@/src"),
        ('<img src="a.jpg" data-src="{{ image.url }}">', "a.jpg", "IMG@/src"),
        ('<noscript><img src="n.jpg"></noscript>', "n.jpg", "IMG@/src"),
        ("<img src=unquoted.jpg alt=one>", "unquoted.jpg", "IMG@/src"),
        ('<table><tr><img src="t.jpg"><td></table>', "t.jpg", "IMG@/src"),
    ],
)
def test_an_images_url_is_where_browsers_would_look(html, url, path):
    row = image(html)
    assert (row["url"], row["link_path"]) == ("https://example.org/blog/" + url, path)


@pytest.mark.parametrize(
    ("html", "reason", "value"),
    [
        ("<img alt=a>", "missing_url", ""),
        ('<img alt=a src="  ">', "missing_url", ""),
        ('<img alt=a src="#">', "missing_url", "the page's own"),
        (f'<img alt=a src="{PAGE}">', "missing_url", "the page's own"),
        ('<img alt=a src="dogs.html#top">', "missing_url", "the page's own"),
        ('<img alt=a src="data:image/gif;base64,R0">', "url_scheme", "data"),
        ('<img alt=a src="about:blank">', "url_scheme", "about"),
        ('<img alt=a data-src="data:image/gif;base64,R0" src="">', "url_scheme", "data"),
        ('<picture><source srcset="data:image/gif;base64,R0 1x"><img alt=a></picture>', "missing_url", ""),
    ],
)
def test_an_image_without_an_address_on_the_web_is_in_the_ledger(html, reason, value):
    [block] = blocks(page_record(PAGE, html + "<img src=b.jpg>"))
    assert [(left.reason.value, left.value, left.caption) for left in block.left_out.values()] == [(reason, value, "a")]
    assert (block.count, block.numbers.tolist()) == (2, [1])


def test_a_page_without_an_image_is_no_row():
    assert images("") == []


def test_each_image_has_the_language_that_is_nearest():
    html = '<html lang="en"><div lang="fr"><p><img src="a.jpg"></p></div><img src="b.jpg"></html>'
    assert [(row["lang"], row["page_language"]) for row in images(html)] == [("fr", "en"), ("en", "en")]


def test_scripts_and_headings_are_no_text_beside_an_image():
    html = (
        "<h2>Title</h2><p>Before.</p><script>var x = 'hidden';</script><img src=a.jpg><style>p {}</style><h2>Next</h2>"
    )
    row = image(html)
    assert (row["heading"], row["text_before"], row.get("text_after")) == ("Title", "Before.", None)


@pytest.mark.parametrize(
    ("html", "headers"),
    [
        ('<meta name="robots" content="noindex"><img src=a.jpg alt=a>', ()),
        ('<meta name="Robots" content="index,NOIMAGEINDEX"><img src=a.jpg alt=a>', ()),
        ('<meta name="tdm-reservation" content="1"><img src=a.jpg alt=a>', ()),
        ("<img src=a.jpg alt=a>", [("X-Robots-Tag", "noindex")]),
        ("<img src=a.jpg alt=a>", [("tdm-reservation", "1")]),
        ("<img src=a.jpg alt=a>", [("Content-Usage", "train-ai=n")]),
        ("<img src=a.jpg alt=a>", [("x-robots-tag", "all"), ("X-Robots-Tag", "noimageindex")]),
    ],
)
def test_a_page_that_opts_out_is_left_out(html, headers):
    [block] = blocks(page_record(PAGE, html, headers=headers))
    assert (len(block.batch), [left.reason.value for left in block.left_out.values()]) == (0, ["page_opted_out"])


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type"),
    [
        ("utf-8", "", "text/html"),
        ("utf-8", "<meta charset=utf-8>", "text/html"),
        ("utf-8-sig", "<meta charset=gbk>", "text/html"),
        ("gb18030", "<meta charset=gb2312>", "text/html"),
        ("gb18030", "<meta http-equiv=content-type content='text/html; charset=GBK'>", "text/html"),
        ("big5", "", "text/html; charset=big5"),
        ("utf-16", "", "text/html"),
        ("utf-8", "", 'text/html; charset="no-such-charset"'),
        ("utf-8", "", "text/html; charset=rot13"),
    ],
)
def test_pages_are_read_in_their_encoding(encoding, declared, content_type):
    html = "<html><head>{}</head><body><img src=a.jpg alt='{}'></body></html>"
    text = "一只狗在沙滩上" if encoding != "big5" else "一隻狗"
    assert image(html.format(declared, text).encode(encoding), content_type=content_type)["alt"] == text


@pytest.mark.parametrize(
    ("text", "encoding", "header", "meta", "read"),
    [
        ("schöner Hund", "utf-8", "iso-8859-1", "", "schöner Hund"),
        ("schöner Hund", "utf-8", "", "windows-1251", "schöner Hund"),
        ("一只狗在沙滩上跑步，天气很好", "utf-8", "gbk", "", "一只狗在沙滩上跑步，天气很好"),
        ("犬が走る", "shift_jis", "utf-8", "shift_jis", "犬が走る"),
        ("собака бежит", "windows-1251", "UTF-8", "windows-1251", "собака бежит"),
        ("联通", "gbk", "gbk", "", "联通"),  # which is valid UTF-8, too
        ("犬が走る", "iso-2022-jp", "iso-2022-jp", "", "犬が走る"),
        ("schöner Hund", "cp1252", "iso-8859-1", "utf-8", "schöner Hund"),
    ],
)
def test_a_page_that_names_another_encoding_is_seen_through_where_there_is_no_doubt(text, encoding, header, meta, read):
    declared = f"<meta charset={meta}>" if meta else ""
    html = f"<html><head>{declared}</head><img src=a.jpg alt='{text}'>".encode(encoding)
    content_type = f"text/html; charset={header}" if header else "text/html"
    assert image(html, content_type=content_type)["alt"] == read


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("/media/", "https://example.org/media/a.jpg"),
        (" //cdn.example/x ", "https://cdn.example/a.jpg"),
        *(
            (base, "https://example.org/blog/a.jpg")
            for base in ("javascript:void(0)", "data:,x", "mailto:a@b", "#x", "")
        ),
        ("http://[bad/", "https://example.org/blog/a.jpg"),
    ],
)
def test_a_base_that_leads_nowhere_is_passed_over(base, url):
    assert image(f'<base href="{base}"><base href="/second/"><img src=a.jpg>')["url"] == url


def test_one_bad_byte_makes_no_other_encoding():
    html = "<meta charset=utf-8><img src=a.jpg alt='schöner Hund'><p>".encode() + b"\xff"
    assert image(html)["alt"] == "schöner Hund"


def test_a_page_that_names_no_encoding_and_is_not_utf8_is_read_as_browsers_do():
    assert (
        image("<img src=a.jpg alt='schöner Hund'>".encode("cp1252"), content_type="text/html")["alt"] == "schöner Hund"
    )


def chunked(body):
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def bare_deflate(body):
    pack = zlib.compressobj(wbits=-15)
    return pack.compress(body) + pack.flush()


@pytest.mark.parametrize(
    ("encode", "headers"),
    [
        (gzip.compress, [("Content-Encoding", "gzip")]),
        (gzip.compress, [("Content-Encoding", "X-GZIP")]),
        (zlib.compress, [("Content-Encoding", "deflate")]),
        (bare_deflate, [("Content-Encoding", "deflate")]),
        (zstandard.compress, [("Content-Encoding", "zstd")]),
        (lambda body: gzip.compress(zlib.compress(body)), [("Content-Encoding", "deflate, gzip")]),
        (chunked, [("Transfer-Encoding", "chunked")]),
        (
            lambda body: chunked(zstandard.compress(body)),
            [("Content-Encoding", "zstd"), ("Transfer-Encoding", "chunked")],
        ),
        *((lambda body: body, [("Content-Encoding", coding)]) for coding in ("br", "zstd", "deflate", "gzip, br", "x")),
        (lambda body: body, [("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")]),
    ],
)
def test_bodies_are_read_as_they_were_sent_or_as_common_crawl_stores_them(encode, headers):
    page = b"<html><img src=a.jpg alt='a dog'>" + b"<p>A paragraph that is there again.</p>" * 100
    assert image(encode(page), headers=headers)["alt"] == "a dog"


def test_a_body_that_unpacks_to_gigabytes_is_read_no_further_than_a_record_is():
    pack = zlib.compressobj(9, wbits=31)
    bomb = pack.compress(b"<img src=a.jpg alt='a dog'>") + b"".join(pack.compress(bytes(1 << 20)) for _ in range(200))
    assert image(bomb + pack.flush(), headers=[("Content-Encoding", "gzip")])["alt"] == "a dog"


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<div>" * 10_000 + "<img src=deep.jpg alt=deep>", id="nested 10 000 deep"),
        pytest.param("<b>" * 10_000 + "text " + "<img src=deep.jpg alt=deep>", id="inline 10 000 deep"),
        pytest.param("<img src=a.jpg alt=" + "x" * 1_000_000 + ">", id="an attribute of a megabyte"),
        pytest.param("<" * 100_000, id="nothing but brackets"),
        pytest.param(bytes(range(256)) * 100, id="every byte"),
        pytest.param("<img srcset='" + " " * 100_000 + "a.jpg 1x'>", id="blanks in srcset"),
    ],
)
def test_a_hostile_page_harms_no_other(html):
    records = [
        page_record(PAGE, "<img src=1.jpg alt=a>"),
        page_record(PAGE, html),
        page_record(PAGE, "<img src=2.jpg>"),
    ]
    urls = [row["url"].rsplit("/", 1)[1] for row in rows(*records)]
    assert (urls[0], urls[-1]) == ("1.jpg", "2.jpg")


@pytest.mark.parametrize(
    "settings",
    [{"content_type": "image/jpeg"}, {"content_type": "application/json"}, {"status": "404 Not Found"}],
)
def test_what_is_no_page_is_no_row(settings):
    assert images("<img src=a.jpg alt=a>", **settings) == []


def test_a_page_without_a_type_is_told_by_its_beginning():
    assert image("<!doctype html><html><img src=a.jpg alt=a></html>", content_type=None)["alt"] == "a"
    assert images("GIF89a<img src=a.jpg>", content_type=None) == []


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<div>" * 200_000, "nested 200001 deep"),
        ("".join(f"<p><b id={number}>" for number in range(10_000)), "10000 formatting elements that nothing closes"),
    ],
)
def test_a_page_whose_parsing_would_not_end_costs_itself_alone(html, said):
    """Each would take minutes, or more memory than there is."""
    [block] = blocks(page_record(PAGE, f'<html>{html}<img src="a.jpg" alt="a">'), page_record(PAGE, FULL))
    assert [said in problem for problem in block.unreadable.values()] == [True]
    assert len(block.batch) == 2


@pytest.mark.parametrize(
    "html",
    [
        "<p><font size=2>" * 20_000,
        "".join(f'<a name="{number}">' for number in range(20_000)),
        "<ul>" + "<li>one <b>word</b>" * 20_000 + "</ul>",
        "<div>" * 9_000 + "</div>" * 9_000,
    ],
)
def test_a_long_or_careless_page_is_read(html):
    assert image(f'<html>{html}<img src="a.jpg" alt="a">')["alt"] == "a"
