import asyncio
from collections import Counter, defaultdict

import aiohttp
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.demo.captions import languages, noise_languages
from babelsift.pipelines.demo.server import serving
from babelsift.pipelines.demo.web import Answer, Kind, build_web, kind_counts, truth_table, write_table, write_truth

PAIRS = 400


@pytest.fixture(scope="module")
def web():
    return build_web(5, PAIRS)


def of_kind(web, kind):
    return [pair for pair in web.pairs if pair.kind is kind]


def test_a_seed_gives_one_web(web):
    assert build_web(5, PAIRS) == web
    assert build_web(6, PAIRS).pairs != web.pairs
    path = of_kind(web, Kind.GOOD)[0].path
    assert build_web(5, PAIRS).resources[path].encode() == web.resources[path].encode()


def test_kinds_come_in_their_numbers(web):
    assert Counter(pair.kind for pair in web.pairs) == kind_counts(PAIRS)
    counts = kind_counts(3000)
    assert sum(counts.values()) == 3000
    assert set(counts) == set(Kind)
    assert 0.55 < counts[Kind.GOOD] / 3000 < 0.65
    assert kind_counts(100_000)[Kind.TIMEOUT] == 25


@pytest.mark.parametrize("pairs", [0, 99])
def test_a_web_too_small_is_refused(pairs):
    with pytest.raises(ValueError, match=f"at least 100 pairs.*got {pairs}"):
        build_web(0, pairs)


def test_the_smallest_web_has_every_kind():
    assert {pair.kind for pair in build_web(0, 100).pairs} == set(Kind)


def test_exact_duplicates_repeat_a_good_pair(web):
    good = {(pair.path, pair.caption): pair.cluster for pair in of_kind(web, Kind.GOOD)}
    again = of_kind(web, Kind.EXACT_DUPLICATE)
    assert [good[pair.path, pair.caption] for pair in again] == [pair.cluster for pair in again]


def test_near_duplicates_show_a_good_scene_elsewhere_in_other_words(web):
    good = {pair.cluster: pair for pair in of_kind(web, Kind.GOOD)}
    for pair in of_kind(web, Kind.NEAR_DUPLICATE):
        original = good[pair.cluster]
        assert pair.path != original.path
        assert pair.caption != original.caption
        assert web.resources[pair.path].scene == web.resources[original.path].scene
        assert web.resources[pair.path].encode() != web.resources[original.path].encode()
    assert len({web.resources[pair.path].extension for pair in of_kind(web, Kind.NEAR_DUPLICATE)}) == 3


def test_only_duplicates_share_a_cluster(web):
    clusters = defaultdict(list)
    for pair in web.pairs:
        clusters[pair.cluster].append(pair.kind)
    for kinds in clusters.values():
        assert len(kinds) == 1 or Kind.GOOD in kinds
        assert len(kinds) <= 2


def test_mismatched_captions_name_nothing_that_is_seen(web):
    english = languages()["en"]
    checked = 0
    for pair in of_kind(web, Kind.MISMATCHED) + of_kind(web, Kind.GOOD):
        if pair.language != "en":
            continue
        checked += 1
        for colour, shape in web.resources[pair.path].scene.nouns:
            named = english.noun_phrase(colour, shape) in pair.caption.lower()
            assert named == (pair.kind is Kind.GOOD)
    assert checked >= 10


def test_wrong_languages_are_not_the_demos(web):
    assert {pair.language for pair in of_kind(web, Kind.WRONG_LANGUAGE)} <= set(noise_languages())
    assert {pair.language for pair in of_kind(web, Kind.GOOD)} == set(languages())


def test_the_table_holds_no_truth_and_the_truth_lies_beside(web, tmp_path):
    write_table(web, tmp_path / "pairs.parquet", "http://127.0.0.1:9")
    write_truth(web, tmp_path / "truth.parquet")
    table, truth = pq.read_table(tmp_path / "pairs.parquet"), pq.read_table(tmp_path / "truth.parquet")
    assert table.column_names == ["URL", "TEXT", "page_language", "page_rank"]
    assert table["TEXT"].to_pylist() == truth["caption"].to_pylist()
    assert table["URL"].to_pylist() == [f"http://127.0.0.1:9{path}" for path in truth["path"].to_pylist()]
    assert truth.equals(truth_table(web))
    assert truth["source_row"].to_pylist() == list(range(PAIRS))
    assert not any(kind.value in url for kind in Kind for url in table["URL"].to_pylist())


async def fetch(session, url):
    """Returns (status, headers, body), or the error's class."""
    try:
        async with session.get(url) as response:
            return response.status, response.headers, await response.read()
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        return type(error)


async def ask(base_url, web):
    """Returns kind -> [(pair, result)] for a few pairs of each kind, those that should hang with little patience."""
    results = {}
    for kind in Kind:
        patience = aiohttp.ClientTimeout(total=0.5 if kind is Kind.TIMEOUT else 60)
        async with aiohttp.ClientSession(timeout=patience) as session:
            asked = of_kind(web, kind)[:6]
            answers = await asyncio.gather(*(fetch(session, base_url + pair.path) for pair in asked))
            results[kind] = list(zip(asked, answers, strict=True))
    async with aiohttp.ClientSession() as session:
        again = [(pair, await fetch(session, base_url + pair.path)) for pair, _ in results[Kind.GOOD_AFTER_RETRY]]
        results["again"] = again
        results["elsewhere"] = await fetch(session, base_url + "/etc/passwd")
    return results


@pytest.fixture(scope="module")
def results(web):
    with serving(web) as base_url:
        answers = asyncio.run(ask(base_url, web))
    answers["after the end"] = asyncio.run(ask_one(base_url))
    return answers


async def ask_one(base_url):
    async with aiohttp.ClientSession() as session:
        return await fetch(session, base_url + "/")


def test_the_server_ends_with_its_context(results):
    assert results["after the end"] is aiohttp.ClientConnectorError


def decoded(body):
    return cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    "kind",
    [
        Kind.GOOD, Kind.EXACT_DUPLICATE, Kind.NEAR_DUPLICATE, Kind.MISMATCHED, Kind.FILENAME_CAPTION, "again",
        Kind.BOILERPLATE_CAPTION, Kind.WRONG_LANGUAGE, Kind.TINY, Kind.EXTREME_ASPECT, Kind.OPTED_OUT,
    ],
)  # fmt: skip
def test_images_are_served_whole(web, results, kind):
    assert results[kind]
    for pair, (status, headers, body) in results[kind]:
        resource = web.resources[pair.path]
        assert status == 200
        assert headers["Content-Type"] == {"jpg": "image/jpeg"}.get(resource.extension, f"image/{resource.extension}")
        assert decoded(body).shape == (resource.height, resource.width, 3)
        assert body == resource.encode()
        assert headers.get("X-Robots-Tag") == ("noai" if kind is Kind.OPTED_OUT else None)


def test_sizes_are_as_their_kind_says(web):
    assert {(web.resources[p.path].width, web.resources[p.path].height) for p in of_kind(web, Kind.TINY)} == {(20, 20)}
    for pair in of_kind(web, Kind.EXTREME_ASPECT):
        assert web.resources[pair.path].width == 10 * web.resources[pair.path].height
    for pair in of_kind(web, Kind.GOOD) + of_kind(web, Kind.NEAR_DUPLICATE):
        assert min(web.resources[pair.path].width, web.resources[pair.path].height) >= 160


@pytest.mark.parametrize(("kind", "status"), [(Kind.HTTP_404, 404), (Kind.HTTP_500, 500), (Kind.GOOD_AFTER_RETRY, 503)])
def test_failures_have_their_status(results, kind, status):
    assert [answer[0] for _, answer in results[kind]] == [status] * len(results[kind])
    assert results[kind]


def test_what_is_nowhere_is_not_found(results):
    assert results["elsewhere"][0] == 404


def test_timeouts_hang(results):
    assert {answer for _, answer in results[Kind.TIMEOUT]} == {asyncio.TimeoutError}


def test_half_images_come_with_either_length(web, results):
    seen = set()
    for pair, answer in results[Kind.TRUNCATED]:
        whole = web.resources[pair.path].encode()
        seen.add(web.resources[pair.path].answer)
        if web.resources[pair.path].answer is Answer.CLOSE_IN_BODY:
            assert answer is aiohttp.ClientPayloadError
        else:
            assert answer[2] == whole[: len(whole) // 2]
            assert int(answer[1]["Content-Length"]) == len(answer[2])
    assert seen == {Answer.CLOSE_IN_BODY, Answer.HALF_IMAGE}


def test_pages_call_themselves_images(results):
    for _, (status, headers, body) in results[Kind.HTML_AS_IMAGE]:
        assert (status, headers["Content-Type"]) == (200, "image/jpeg")
        assert body.startswith(b"<!DOCTYPE html>")
        assert decoded(body) is None
