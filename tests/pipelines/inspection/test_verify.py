"""What has become of a finished run's URLs on a web that has changed since."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import babelsift
from babelsift.pipelines.cli.main import main
from babelsift.pipelines.fetch import Fetched
from babelsift.pipelines.inspection.verification import OUTCOMES, Outcome, Tally, Verdict, draw_pairs
from babelsift.pipelines.inspection.verification.outcomes import outcome_of_failure
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RejectReason
from tests.support.hostile_web import HostileWeb, answer, encoded, photo, raw, silence
from tests.support.image_files import jpeg_segment, jpeg_with
from tests.support.pictures import picture
from tests.support.small_run import babelsift as command
from tests.support.small_run import write_pairs, write_recipe

SIZE = (48, 40)
XMP = (
    b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
    b"xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description xmlns:plus='http://ns.useplus.org/ldf/xmp/1.0/' "
    b"plus:DataMining='http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED'/></rdf:RDF></x:xmpmeta>"
)


SMOOTH = Image.fromarray(picture(15))


def image(number: int) -> bytes:
    return encoded(photo(number, SIZE))


# What URLs answer now, and what is to be said of them.
CHANGES = {
    1: (answer(jpeg_with(image(1), jpeg_segment(0xFE, b"a comment"))), "same", ""),
    2: (answer(image(90)), "changed", "other_picture"),
    3: (answer(b"", status=404), "gone", "http_404"),
    4: (answer(b"", status=410), "gone", "http_410"),
    5: (answer(image(5), "tdm-reservation: 1"), "opted_out", "tdm_reserved"),
    6: (answer(b"", status=503), "unreachable", "http_503"),
    7: (answer(image(7), "X-Robots-Tag: noai"), "opted_out", "opted_out"),
    8: (answer(b"<html>moved</html>"), "changed", "not_an_image"),
    9: (answer(image(9)), "opted_out", "robots_disallowed"),
    10: (raw(b"nonsense\r\n\r\n"), "unreachable", "protocol_error"),
    11: (answer(jpeg_with(image(11), jpeg_segment(0xE1, XMP))), "opted_out", "data_mining_prohibited"),
    12: (answer(image(12), "Content-Usage: train-ai=n"), "opted_out", "content_usage_opt_out"),
    13: (answer(image(13)), "opted_out", "tdmrep_reserved"),
    14: (answer(image(14)), "opted_out", "ai_txt_disallowed"),
    15: (answer(encoded(SMOOTH, quality=80)), "changed", "re_encoded"),
}


@pytest.fixture(scope="module")
def web():
    with HostileWeb() as served:
        yield served


@pytest.fixture(scope="module")
def out(tmp_path_factory, web):
    home = tmp_path_factory.mktemp("verify")
    write_pairs(web, home / "pairs.parquet", size=SIZE)
    web.on("/15.jpg", answer(encoded(SMOOTH, quality=95)))
    recipe = write_recipe(home / "recipe.yaml")
    said = command("curate", "--recipe", recipe, "--input", str(home / "pairs.parquet"), "--output", str(home / "out"))
    assert said.code == 0, said.log
    for number, (handler, _, _) in CHANGES.items():
        web.on(f"/{number}.jpg", handler)
    web.on("/robots.txt", answer(b"User-agent: *\nDisallow: /9.jpg\n"))
    web.on("/.well-known/tdmrep.json", answer(b'[{"location": "/13.jpg", "tdm-reservation": 1}]'))
    web.on("/ai.txt", answer(b"User-Agent: *\nDisallow: /14.jpg\n"))
    return home / "out"


def number_of(url: str) -> int:
    return int(url.rsplit("/", 1)[1].removesuffix(".jpg"))


def files_of(out) -> dict[str, bytes]:
    folder = RunFolder(str(out))
    return {path: folder.read(path) for path in folder.files_under("")}


def test_each_url_is_what_it_has_become_and_the_folder_stays_as_it_was(out, web, tmp_path):
    before = files_of(out)
    web.requests.clear()
    listed = tmp_path / "listed.csv"
    said = command("verify", str(out), "--all", "--json", "--write", str(listed), "--of", ",".join(OUTCOMES))
    assert said.code == 0, said.log
    assert files_of(out) == before
    assert max(web.requests.values()) == 1
    rows = {row["uid"]: row for row in csv.DictReader(io.StringIO(listed.read_text()))}
    pairs = babelsift.open_run(str(out)).pairs().to_table(columns=["uid", "url"]).to_pylist()
    found = {number_of(pair["url"]): (rows[pair["uid"]]["outcome"], rows[pair["uid"]]["reason"]) for pair in pairs}
    others = dict.fromkeys(found, ("same", ""))
    assert found == others | {number: (outcome, reason) for number, (_, outcome, reason) in CHANGES.items()}


def test_a_table_for_people_and_by_host(out, capsys, tmp_path):
    listed = tmp_path / "remove.csv"
    assert main(["verify", str(out), "--by-host", "--write", str(listed)]) == 0
    text = capsys.readouterr().out
    assert "28 of 28 pairs, drawn by uid and seed 0" in text
    assert "opted out" in text
    assert "http_404 1" in text
    assert "127.0.0.1" in text
    assert {row["outcome"] for row in csv.DictReader(io.StringIO(listed.read_text()))} == {"opted_out"}
    assert main(["verify", str(out), "--sample", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["pairs"], found["of"], sum(found["outcomes"].values())) == (5, 28, 5)


def test_a_sample_is_drawn_by_uid_and_seed(out):
    run = babelsift.open_run(str(out))
    five = draw_pairs(run, most=5, seed=1).pairs.column("uid").to_pylist()
    ten = draw_pairs(run, most=10, seed=1).pairs.column("uid").to_pylist()
    assert ten[:5] == five
    assert draw_pairs(run, most=5, seed=2).pairs.column("uid").to_pylist() != five
    assert draw_pairs(run, most=5, seed=1).pairs.column("pixels_digest").null_count == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--of", "opted-out"], "--of: no outcome 'opted-out'; did you mean 'opted_out'?"),
        (["--write", "list.txt"], "end it in .csv"),
        (["--sample", "0"], "'0' is no number of pairs; give 1 or more, or --all"),
    ],
)
def test_wrong_options_are_one_line(out, arguments, said):
    found = command("verify", str(out), *arguments)
    assert found.code == 2
    assert said in found.error


def test_the_list_does_not_go_into_the_run_folder(out):
    found = command("verify", str(out), "--write", str(out / "list.csv"))
    assert found.code == 2
    assert "lies in the run folder" in found.error


def test_interrupted_it_says_what_it_has_seen_and_writes_no_list(out, web, tmp_path, capsys):
    async def interrupting(request):
        os.kill(os.getpid(), signal.SIGINT)
        await silence()(request)

    web.on("/20.jpg", interrupting)
    listed = tmp_path / "list.csv"
    try:
        assert main(["verify", str(out), "--all", "--write", str(listed)]) == 130
    finally:
        web.on("/20.jpg", answer(image(20)))
    said = capsys.readouterr()
    assert "of 28 pairs" in said.out
    assert f"{listed} was not written" in said.err
    assert not listed.exists()


@pytest.mark.parametrize(
    ("reason", "detail", "expected"),
    [
        (RejectReason.HTTP_STATUS, "404", (Outcome.GONE, "http_404")),
        (RejectReason.HTTP_STATUS, "429", (Outcome.UNREACHABLE, "http_429")),
        (RejectReason.HTTP_STATUS, "500", (Outcome.UNREACHABLE, "http_500")),
        (RejectReason.DNS_FAILURE, "no such name", (Outcome.UNREACHABLE, "dns_failure")),
        (RejectReason.ROBOTS_DISALLOWED, "robots.txt answered 503", (Outcome.UNREACHABLE, "robots_disallowed")),
        (RejectReason.ROBOTS_DISALLOWED, "robots.txt of a.example", (Outcome.OPTED_OUT, "robots_disallowed")),
        (RejectReason.EMPTY_BODY, "0 bytes", (Outcome.CHANGED, "empty_body")),
    ],
)
def test_failures(reason, detail, expected):
    assert outcome_of_failure(Fetched(None, reason, detail))[:2] == expected


def test_a_network_that_is_down_is_told_from_a_web_that_is_gone():
    tally = Tally()
    assert not tally.is_cut_off
    tally.add(Verdict("0" * 32, "http://a.example/x", Outcome.UNREACHABLE, "dns_failure"))
    assert tally.is_cut_off
    tally.add(Verdict("1" * 32, "http://[broken", Outcome.GONE, "http_404"))
    assert not tally.is_cut_off
    assert Counter(tally.outcomes) == {"unreachable": 1, "gone": 1}


def test_the_list_is_what_remove_takes(out, tmp_path):
    copy, listed = tmp_path / "out", tmp_path / "opted_out.csv"
    shutil.copytree(out, copy)
    assert command("verify", str(copy), "--all", "--write", str(listed)).code == 0
    uids = {row["uid"] for row in csv.DictReader(io.StringIO(listed.read_text()))}
    said = command("remove", str(copy), "--uids", str(listed))
    assert said.code == 0, said.log
    left = babelsift.open_run(str(copy)).pairs().to_table(columns=["uid"]).column("uid").to_pylist()
    assert len(uids) == sum(outcome == "opted_out" for _, outcome, _ in CHANGES.values())
    assert not uids & set(left)


def test_a_product_without_urls_says_so(out, tmp_path):
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    for path in (copy / "shards").glob("*.parquet"):
        table = pq.read_table(path)
        urls = pa.array([f"images.tar#{row}" for row in range(len(table))], table.schema.field("url").type)
        pq.write_table(table.set_column(table.column_names.index("url"), "url", urls), path)
    found = command("verify", str(copy))
    assert found.code == 2
    assert "no pair has a URL on the web" in found.error
