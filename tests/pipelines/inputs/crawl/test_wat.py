"""WAT files: which links are rows, what is carried beside them, and what hostile records do."""

import io
import json

import pytest

from babelsift.pipelines.inputs.crawl.links import largest_of_srcset
from babelsift.pipelines.inputs.crawl.wat import read_wat
from tests.support.crawl_files import image_link, metadata_record, wat_json

PAGE = "https://example.org/blog/dogs.html"
PATH = "crawl-data/CC-MAIN-2024-22/segments/17.1/wat/CC-MAIN-1.warc.wat.gz"


def blocks(*records, path="a.wat.gz", rows=100):
    return list(read_wat(io.BytesIO(b"".join(records)), path, rows=rows))


def rows(*records, **settings):
    return [row for block in blocks(*records, **settings) for row in block.batch.to_pylist()]


def page(links, url=PAGE, **more):
    return metadata_record(url, wat_json(url, links, **more))


def links(*records):
    return [(row["url"], row["alt"]) for row in rows(*records)]


def test_image_links_are_rows_with_their_page_and_its_place():
    record = page(
        [image_link("/media/dog.jpg", "a dog", title="Rex"), {"path": "A@/href", "url": "/x", "text": "no image"}],
        metas=[{"name": "HTML@/lang", "content": "en-GB"}, {"name": "viewport", "content": "width=1"}],
        title="Dogs",
    )
    assert rows(record, path=PATH) == [
        {
            "url": "https://example.org/media/dog.jpg",
            "alt": "a dog",
            "title": "Rex",
            "link_path": "IMG@/src",
            "page_url": PAGE,
            "page_language": "en-GB",
            "page_title": "Dogs",
            "page_license": None,
            "crawl": "CC-MAIN-2024-22",
            "warc_filename": "crawl-data/CC-MAIN-2024-22/segments/17.1/warc/CC-MAIN-1.warc.gz",
            "warc_record_offset": 17,
        }
    ]


def test_links_of_paths_that_nobody_knows_stand_beside_images_and_take_nothing_from_them():
    """The quick way knows paths; a record with another goes the slower way, and the path is known afterwards."""
    unknown = [{"path": "MARQUEE@/data-bg", "url": "/x"}, {"url": "/no/path"}, {"path": "A@/href", "url": 5, "alt": 7}]
    dog = image_link("/media/dog.jpg", "a dog", title="Rex")
    for between in ([], unknown, unknown[:1], unknown[1:]):
        link = ("https://example.org/media/dog.jpg", "a dog")
        assert links(page([*between, dog, *between]), page([dog])) == [link, link]


def test_a_license_is_found_among_the_links_of_the_head():
    head = [{"path": "LINK@/href", "url": "/style.css", "rel": "stylesheet"}]
    license_link = {"path": "LINK@/href", "url": "https://creativecommons.org/by", "rel": "License nofollow"}
    said = [
        row["page_license"]
        for more in ([], [license_link])
        for row in rows(page([image_link("/dog.jpg", "a dog")], head_links=head + more))
    ]
    assert said == [None, "https://creativecommons.org/by"]


@pytest.mark.parametrize(
    ("url", "base", "absolute"),
    [
        ("dog.jpg", None, "https://example.org/blog/dog.jpg"),
        ("../dog.jpg?w=1#x", None, "https://example.org/dog.jpg?w=1#x"),
        ("//cdn.example.org/dog.jpg", None, "https://cdn.example.org/dog.jpg"),
        ("dog.jpg", "/media/", "https://example.org/media/dog.jpg"),
        ("dog.jpg", "http://other.example/", "http://other.example/dog.jpg"),
        ("http://[bad/dog.jpg", None, "http://[bad/dog.jpg"),
        ("HTTP://example.org/dog.jpg", None, "HTTP://example.org/dog.jpg"),
    ],
)
def test_urls_are_resolved_against_the_pages_base(url, base, absolute):
    assert links(page([image_link(url, "a dog")], base=base)) == [(absolute, "a dog")]


def test_the_largest_of_srcset_and_what_is_loaded_late_are_links_too():
    record = page(
        [
            {"path": "IMG@/srcset", "url": "s.jpg 320w, l.jpg 1280w", "alt": "a"},
            {"path": "IMG@/data-src", "url": "/late.jpg", "alt": "b"},
            {"path": "IMG@/longdesc", "url": "/why.html", "alt": "c"},
        ]
    )
    assert links(record) == [("https://example.org/blog/l.jpg", "a"), ("https://example.org/late.jpg", "b")]


def test_a_link_without_a_text_is_a_row_all_the_same():
    assert links(page([image_link("/a.jpg"), image_link("/b.jpg", "")])) == [
        ("https://example.org/a.jpg", None),
        ("https://example.org/b.jpg", ""),
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"metas": [{"name": "robots", "content": "noindex, follow"}]},
        {"metas": [{"name": "ROBOTS", "content": "NoImageIndex"}]},
        {"metas": [{"name": "googlebot-image", "content": "noindex"}]},
        {"metas": [{"name": "robots", "content": "none"}]},
        {"headers": {"X-Robots-Tag": "noimageindex"}},
        {"headers": {"x-robots-tag": ["all", "noai"]}},
        {"headers": {"TDM-Reservation": "1"}},
        {"headers": {"Content-Usage": "train-ai=n"}},
        {"headers": {"Content-Signal": "search=yes, ai-train=no"}},
        {"metas": [{"name": "tdm-reservation", "content": "1"}]},
        {"metas": [{"name": "TDM-Reservation", "content": " 1 "}, {"name": "robots", "content": "index"}]},
    ],
)
def test_a_page_that_opts_out_is_left_out_image_by_image(said):
    [block] = blocks(page([image_link("/a.jpg", "a"), image_link("/b.jpg", "b")], **said), page([image_link("/c.jpg")]))
    assert [left.reason.value for left in block.left_out.values()] == ["page_opted_out"] * 2
    assert block.count == 3
    assert block.numbers.tolist() == [2]


@pytest.mark.parametrize(
    "said",
    [
        {"metas": [{"name": "tdm-reservation", "content": "0"}]},
        {"metas": [{"name": "tdm-policy", "content": "1"}]},
        {"headers": {"TDM-Reservation": "0", "Content-Usage": "train-ai=y", "Content-Signal": "ai-train=yes"}},
    ],
)
def test_a_page_that_permits_training_stays(said):
    assert links(page([image_link("/a.jpg", "a")], **said))


@pytest.mark.parametrize("content", ["index, follow", "max-image-preview:large", "googlebot: noindex"])
def test_other_words_to_robots_leave_nothing_out(content):
    assert links(page([image_link("/a.jpg", "a")], metas=[{"name": "robots", "content": content}]))


def test_addresses_that_are_none_of_the_web_are_left_out():
    [block] = blocks(page([image_link("data:image/gif;base64," + "R" * 100_000, "x"), image_link("/a.jpg", "a")]))
    assert [(left.reason.value, left.value) for left in block.left_out.values()] == [("url_scheme", "data")]
    assert len(block.left_out[0].url) < 10_000
    assert block.batch["url"].to_pylist() == ["https://example.org/a.jpg"]


@pytest.mark.parametrize("base", [None, "https://example.org/media/"])
@pytest.mark.parametrize(
    "link",
    [
        image_link("", "a"),
        image_link("  ", "a"),
        image_link("#", "a"),
        image_link(" #top", "a"),
        image_link(PAGE, "a"),
        image_link(f"{PAGE}#dog", "a"),
        {"path": "IMG@/data-src", "url": "", "alt": "a"},
        {"path": "IMG@/srcset", "url": " , ", "alt": "a"},
        {"path": "IMG@/srcset", "url": "data:image/gif;base64,R0 1x", "alt": "a"},
    ],
)
def test_what_leads_to_the_page_itself_is_no_image(link, base):
    [block] = blocks(page([link, image_link("/a.jpg", "a")], base=base))
    assert [(left.reason.value, left.caption) for left in block.left_out.values()] == [("missing_url", "a")]
    assert block.batch["url"].to_pylist() == ["https://example.org/a.jpg"]
    assert block.count == 2


@pytest.mark.parametrize("url", ["https://example.org/blog/dogs.html.jpg", f"{PAGE}?image=1", "dogs.html/a.jpg"])
def test_what_only_begins_as_the_page_does_is_an_image(url):
    assert [found.rsplit("/", 1)[0] for found, _ in links(page([image_link(url, "a")]))]


@pytest.mark.parametrize(
    ("srcset", "largest"),
    [
        ("s.jpg 320w, l.jpg 1280w", "l.jpg"),
        ("s.jpg 1x,l.jpg 2x", "l.jpg"),
        ("l.jpg 2x, s.jpg", "l.jpg"),
        ("/w_400,h_300/s.jpg 400w, /w_800,h_600,c_fill/l.jpg 800w", "/w_800,h_600,c_fill/l.jpg"),
        ("https://img.example/v1/fit,400/a.jpg?x=1,2", "https://img.example/v1/fit,400/a.jpg?x=1,2"),
        ("a.jpg,", "a.jpg"),
        (" ,, a.jpg ,, b.jpg 2x", "b.jpg"),
        ("a.jpg 100w (odd, one) x, b.jpg 50w", "a.jpg"),
        ("data:image/png;base64,iVBOR/w0KGgo= 1000w, a.jpg 10w", "a.jpg"),
        ("a.jpg\n  1x,\n  b.jpg\n  1.5x", "b.jpg"),
        ("a.jpg 100h 50w, b.jpg -3w", "a.jpg"),
        ("x" * 9_000 + ".jpg 1x, /" + "y" * 9_000 + ".jpg 2x", "/" + "y" * 9_000 + ".jpg"),
        ("", None),
        (", ,", None),
        ("(" * 50_000, "(" * 50_000),
        ("a.jpg " + "(" * 50_000, "a.jpg"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_srcset_is_read_as_browsers_do(srcset, largest):
    assert largest_of_srcset(srcset) == largest


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("https://data.commoncrawl.org/" + PATH, "crawl-data/CC-MAIN-2024-22/segments/17.1/warc/CC-MAIN-1.warc.gz"),
        ("some/copy.wat.gz", "CC-MAIN-1.warc.gz"),
    ],
)
def test_the_page_can_be_found_again_in_its_warc_file(path, name):
    assert rows(page([image_link("/a.jpg", "a")]), path=path)[0]["warc_filename"] == name


def test_values_of_other_types_are_as_if_they_were_not_there():
    record = wat_json(PAGE, [image_link("/a.jpg", "a"), image_link("/b.jpg", 7), "no link", image_link(["/c.jpg"])])
    record["Envelope"]["Payload-Metadata"]["HTTP-Response-Metadata"]["HTML-Metadata"]["Head"]["Base"] = ["/x/"]
    assert links(metadata_record(PAGE, record)) == [
        ("https://example.org/a.jpg", "a"),
        ("https://example.org/b.jpg", None),
    ]


@pytest.mark.parametrize("headers", [["X-Robots-Tag"], [["Content-Language", "en"]], "content-language", 5, None])
def test_headers_of_another_type_are_as_if_they_were_not_there(headers):
    record = wat_json(PAGE, [image_link("/a.jpg", "a")])
    record["Envelope"]["Payload-Metadata"]["HTTP-Response-Metadata"]["Headers"] = headers
    assert links(metadata_record(PAGE, record)) == [("https://example.org/a.jpg", "a")]


@pytest.mark.parametrize(
    "said", [{"headers": {"TDM-Reservation": 1}}, {"metas": [{"name": "tdm-reservation", "content": 1}]}]
)
def test_an_opt_out_that_is_a_number_is_heard(said):
    assert links(page([image_link("/a.jpg", "a")], **said)) == []


@pytest.mark.parametrize(
    ("content", "alt"),
    [
        (json.dumps(wat_json(PAGE, [image_link("/a.jpg", "a dog \ud83d")])).encode(), "a dog ?"),
        (b"\xef\xbb\xbf" + json.dumps(wat_json(PAGE, [image_link("/a.jpg", "a dog")])).encode(), "a dog"),
        (json.dumps(wat_json(PAGE, [image_link("/a.jpg", "a dog")]) | {"n": float("nan")}).encode(), "a dog"),
    ],
    ids=["half a surrogate pair", "byte order mark", "NaN"],
)
def test_json_that_is_nearly_so_is_read(content, alt):
    assert links(metadata_record(PAGE, content)) == [("https://example.org/a.jpg", alt)]


def nested(depth):
    return b'{"Envelope": ' + b'{"IMG@": ' * depth + b"1" + b"}" * depth + b"}"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(json.dumps(wat_json(PAGE, [image_link("/x.jpg", "x")])).encode()[:-20], id="cut"),
        pytest.param(json.dumps(wat_json(PAGE, [image_link("/x.jpg", "naïve")]), ensure_ascii=False).encode("latin-1"),
                     id="latin-1"),
        pytest.param(json.dumps(wat_json(PAGE, [image_link("/x.jpg", "x")])).encode("utf-16"), id="utf-16"),
        pytest.param(nested(10_000), id="nested 10 000 deep"),
        pytest.param(b'["IMG@/src"]', id="a list"),
        pytest.param(b'{"IMG@/src": ' + b"9" * 10_000 + b"}", id="a number of 10 000 digits"),
        pytest.param(b"\x00\xffIMG@" * 50, id="bytes"),
    ],
)  # fmt: skip
def test_a_hostile_record_costs_itself_alone(content):
    good = [page([image_link(f"/{number}.jpg", "a dog")]) for number in range(2)]
    read = blocks(good[0], metadata_record(PAGE, content), good[1])
    assert [row["url"] for block in read for row in block.batch.to_pylist()] == [
        "https://example.org/0.jpg",
        "https://example.org/1.jpg",
    ]
    assert sum(block.count for block in read) == 2 + sum(len(block.unreadable) for block in read)


def test_a_record_of_100_mb_costs_itself_alone():
    long = b'{"IMG@/src": "' + b"x" * 100_000_000 + b'"}'
    good = [page([image_link(f"/{number}.jpg", "a dog")]) for number in range(2)]
    read = blocks(good[0], metadata_record(PAGE, long), good[1])
    assert [row["alt"] for block in read for row in block.batch.to_pylist()] == ["a dog"] * 2
    [problem] = [problem for block in read for problem in block.unreadable.values()]
    assert "bytes, more than" in problem


def test_records_without_image_links_are_no_rows():
    request = {"Envelope": {"Payload-Metadata": {"HTTP-Request-Metadata": {}}, "WARC-Header-Metadata": {}}}
    assert links(metadata_record(PAGE, request), page([{"path": "A@/href", "url": "/x"}])) == []


def test_numbers_of_rows_go_on_from_block_to_block():
    records = [page([image_link(f"/{number}.jpg", "a dog")]) for number in range(5)]
    assert [(block.count, block.numbers.tolist()) for block in blocks(*records, rows=2)] == [
        (2, [0, 1]),
        (2, [0, 1]),
        (1, [0]),
    ]
