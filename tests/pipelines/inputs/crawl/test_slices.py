"""WAT and WARC files as an input: planned, read and accounted for as tables are."""

import gzip

import pytest

from babelsift.pipelines.inputs.columns import parse_columns
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.read_slice import read_slice
from babelsift.schemas import InputError
from tests.support.crawl_files import image_link, metadata_record, page_record, wat_json
from tests.support.input_rows import read_rows

PAGE = "https://example.org/blog/dogs.html"


def write(path, *records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(records))
    return path


def wat_record(links, url=PAGE, **more):
    return metadata_record(url, wat_json(url, links, **more))


def read(plan):
    found = read_rows(plan)
    assert len(found.pairs) + len(found.ledger) == found.texts  # every text has a fate
    return found.rows, found.pairs, found.ledger


def test_every_image_of_a_wat_file_has_a_fate(tmp_path):
    path = write(
        tmp_path / "a.warc.wat.gz",
        wat_record([image_link("/1.jpg", "a dog"), image_link("/2.jpg"), image_link("data:image/gif;base64,R0", "x")]),
        metadata_record(PAGE, b'{"IMG@/src"'),
        wat_record([image_link("/3.jpg", "a cat")], metas=[{"name": "robots", "content": "noindex"}]),
        wat_record([image_link("/4.jpg", "a horse")], url="https://example.org/2"),
    )
    rows, pairs, ledger = read(plan_input([str(path)]))
    assert rows == 6
    assert [(row["source_row"], row["url"], row["caption"], row["page_url"]) for row in pairs] == [
        (0, "https://example.org/1.jpg", "a dog", PAGE),
        (5, "https://example.org/4.jpg", "a horse", "https://example.org/2"),
    ]
    assert sorted((row["source_row"], row["reason"], row["caption"]) for row in ledger) == [
        (1, "missing_caption", None),
        (2, "url_scheme", "x"),
        (3, "unreadable_row", None),
        (4, "page_opted_out", "a cat"),
    ]
    assert all(row["uid"] for row in ledger if row["reason"] == "page_opted_out")


def test_each_text_of_a_pages_image_is_a_pair_with_its_source(tmp_path):
    html = '<h1>Pets</h1><figure><img src=/1.jpg alt="a dog" title="Rex"><figcaption>Rex runs</figcaption></figure>'
    path = write(tmp_path / "a.warc.gz", page_record(PAGE, html))
    _, pairs, _ = read(plan_input([str(path)]))
    assert [(row["caption"], row["text_source"], row["heading"]) for row in pairs] == [
        ("a dog", "alt", "Pets"),
        ("Rex", "title", "Pets"),
        ("Rex runs", "figcaption", "Pets"),
    ]


def test_other_texts_are_chosen_as_those_of_tables_are(tmp_path):
    html = '<html lang=de><title>Seite</title><h1>Tiere</h1><img src=/1.jpg alt=""><img src=/2.jpg alt="ein Hund">'
    path = write(tmp_path / "a.warc.gz", page_record(PAGE, html))
    columns = parse_columns("caption=alt/heading+page_title,language=page_language")
    _, pairs, _ = read(plan_input([str(path)], columns=columns))
    assert [(row["url"][-5], row["caption"], row["text_source"], row["text_language"]) for row in pairs] == [
        ("1", "Tiere", "heading", "de"),
        ("1", "Seite", "page_title", "de"),
        ("2", "ein Hund", "alt", "de"),
        ("2", "Seite", "page_title", "de"),
    ]


def test_a_list_of_paths_names_files_from_the_root_of_its_bucket(tmp_path):
    names = [f"crawl-data/CC-MAIN-2024-22/segments/1/wat/{number}.warc.wat.gz" for number in range(2)]
    for number, name in enumerate(names):
        write(tmp_path / name, wat_record([image_link(f"/{number}.jpg", "a dog")]))
    paths = tmp_path / "crawl-data/CC-MAIN-2024-22/wat.paths.gz"
    paths.write_bytes(gzip.compress("\n".join([*names, ""]).encode()))
    _, pairs, _ = read(plan_input([str(paths)]))
    assert [(row["source_file"], row["crawl"]) for row in pairs] == [(name, "CC-MAIN-2024-22") for name in names]
    assert pairs[1]["warc_filename"] == "crawl-data/CC-MAIN-2024-22/segments/1/warc/CC-MAIN-1.warc.gz"


def test_a_list_may_name_files_from_the_disks_root_and_hold_remarks(tmp_path):
    file = write(tmp_path / "elsewhere/a.wat.gz", wat_record([image_link("/1.jpg", "a dog")]))
    paths = write(tmp_path / "wat.paths", f"# two months\n{file}\n".encode())
    _, pairs, _ = read(plan_input([str(paths)]))
    assert [row["caption"] for row in pairs] == ["a dog"]


def test_an_empty_file_is_said_to_be(tmp_path):
    with pytest.raises(InputError, match=r"a\.warc\.gz.*empty"):
        plan_input([str(write(tmp_path / "a.warc.gz", b""))])


@pytest.mark.parametrize(
    ("content", "message"),
    [(gzip.compress(b"\n \n", mtime=0), "names no file"), (b"no gzip", "not readable as a list of paths")],
)
def test_a_list_of_paths_that_names_none_is_one_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message) as raised:
        plan_input([str(write(tmp_path / "wat.paths.gz", content))])
    assert "\n" not in str(raised.value)


def test_wat_files_and_tables_are_one_input(tmp_path):
    write(tmp_path / "in/a.wat.gz", wat_record([image_link("/1.jpg", "a dog")]))
    write(tmp_path / "in/b.csv", b"url,caption,page_url\nhttp://x/1.jpg,a cat,http://x/\n")
    _, pairs, _ = read(plan_input([str(tmp_path / "in")]))
    assert [(row["caption"], row["page_url"]) for row in pairs] == [("a dog", PAGE), ("a cat", "http://x/")]


def test_a_page_with_many_images_comes_in_batches(tmp_path):
    path = write(tmp_path / "a.wat.gz", wat_record([image_link(f"/{n}.jpg", f"a dog {n}") for n in range(5000)]))
    plan = plan_input([str(path)])
    batches = [len(batch) for part in plan.slices for block in read_slice(part, plan) for batch in block.pairs]
    assert batches == [2048, 2048, 904]


@pytest.mark.parametrize(
    ("columns", "license"), [("caption=alt", "CC-BY-SA-4.0"), ("license=heading,caption=alt", "CC0-1.0")]
)
def test_a_pages_license_is_its_images(tmp_path, columns, license):
    link = "http://creativecommons.org/licenses/by-sa/4.0/deed.de"
    html = f'<head><link rel=license href="{link}"></head><h1>CC0</h1><img src=/1.jpg alt="a dog">'
    path = write(tmp_path / "a.warc.gz", page_record(PAGE, html))
    _, pairs, _ = read(plan_input([str(path)], columns=parse_columns(columns)))
    assert [(row["license"], row["page_license"], row["heading"]) for row in pairs] == [(license, link, "CC0")]
