"""Asks for the URLs of pairs again, by the client that downloads, and compares what they answer with what is stored."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pyarrow as pa

from babelsift.filters.cores import usable_cores
from babelsift.filters.image import ImageFailure, ProcessedImage, process_image
from babelsift.pipelines.decoding import OF_THE_MACHINE, ImageDecoders
from babelsift.pipelines.fetch import Answer, FetchSession
from babelsift.pipelines.inspection.verification.outcomes import Outcome, Verdict, outcome_of_failure
from babelsift.schemas import DownloadError
from babelsift.schemas.reasons import OPT_OUTS
from babelsift.schemas.recipe import DownloadSettings, OptOutSettings

_ALIKE_BITS = 16  # of a perceptual hash; two pictures differ in 128
_DIRECTIVES = ("noai", "noimageai", "noindex", "noimageindex")
_ENDED = "verify: the process that fetches has ended, or stood still; run the same command again"


def hearing_everything(settings: DownloadSettings) -> DownloadSettings:
    """Returns download settings of a recipe by which every opt-out is heard, whichever the recipe heard."""
    named = {
        "robots_txt": True,
        "opt_outs": OptOutSettings(tdmrep_json=True, ai_txt=True),
        "disallowed_header_directives": tuple(dict.fromkeys((*settings.disallowed_header_directives, *_DIRECTIVES))),
        "hash_lists": (),
        "faces": None,
        "extract_exif": False,
        "extract_provenance": False,
    }
    return settings.model_copy(update=named)


def verify_pairs(pairs: pa.Table, settings: DownloadSettings) -> Iterator[Verdict]:
    """Yields what became of each pair, in the order in which URLs answer; a URL is asked for once for all its pairs.

    Nothing is written. Bytes that hash as those that were downloaded are the same; of others the pixels are compared.

    Args:
        pairs: uid, url, sha256, pixels_digest, phash, as `draw_pairs` gives them.
        settings: how URLs are asked and images decoded: those of the run, hearing what is to be heard.

    Raises:
        DownloadError: the process that fetches has ended.
    """
    rows_of_url: dict[str, list[dict[str, Any]]] = {}
    for pair in pairs.to_pylist():
        rows_of_url.setdefault(pair["url"], []).append(pair)
    urls = list(rows_of_url)
    decoders = ImageDecoders(partial(process_image, settings=settings), timeout_s=settings.decode_timeout_s)
    settled: queue.SimpleQueue[list[Verdict] | BaseException | None] = queue.SimpleQueue()

    def settle_all() -> None:
        try:
            while (answer := session.receive()) is not None:
                body, url = answer.fetched.body, urls[answer.row]
                image = None if body is None else decoders.decode(body)
                settled.put([Verdict(row["uid"], url, *_outcome(answer, image, row)) for row in rows_of_url[url]])
            settled.put(None)
        except BaseException as error:  # noqa: BLE001 it is raised where verdicts are waited for
            settled.put(error)

    names = [f"verify-{number}" for number in range(usable_cores())]
    threads = [threading.Thread(target=settle_all, name=name, daemon=True) for name in names]
    with closing(decoders):
        with closing(FetchSession(settings)) as session:
            session.ask(0, urls)
            for thread in threads:
                thread.start()
            for _ in urls:
                yield from _taken(settled.get())
        for thread in threads:  # the session is over, so that each has an end
            thread.join()


def _taken(settled: list[Verdict] | BaseException | None) -> list[Verdict]:
    if settled is None:
        raise DownloadError(_ENDED)
    if isinstance(settled, BaseException):
        raise settled
    return settled


def _outcome(
    answer: Answer, image: ProcessedImage | ImageFailure | None, pair: dict[str, Any]
) -> tuple[Outcome, str, str]:
    body = answer.fetched.body
    if body is None or image is None:
        return outcome_of_failure(answer.fetched)
    if isinstance(image, ImageFailure) and image.reason in OPT_OUTS:
        return Outcome.OPTED_OUT, image.reason.value, image.detail
    if hashlib.sha256(body).hexdigest() == pair["sha256"]:
        return Outcome.SAME, "", ""
    if isinstance(image, ImageFailure):
        outcome = Outcome.UNREACHABLE if image.reason in OF_THE_MACHINE else Outcome.CHANGED
        return outcome, image.reason.value, image.detail
    if image.pixels_digest == pair["pixels_digest"]:
        return Outcome.SAME, "", ""
    if pair["phash"] is None:
        return Outcome.CHANGED, "other_bytes", "staging has no hash of the pixels"
    bits = _bits_between(image.phash, pair["phash"])
    if bits > _ALIKE_BITS:
        return Outcome.CHANGED, "other_picture", f"{bits} of 256 bits"
    if pair["pixels_digest"] is None:  # another program stored the image, smaller: its pixels cannot be the same
        return Outcome.SAME, "alike", f"{bits} of 256 bits"
    return Outcome.CHANGED, "re_encoded", f"{bits} of 256 bits"


def _bits_between(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
