"""`babelsift remove`: what is asked for goes from the whole run folder, and stays out of every later run there.

1. Find what the request means: the folder is only read.
2. Write down that a removal begins (OUT/removals/unfinished.json), then the tombstones. From here on it goes on after
   any interruption, by the same command or by `babelsift remove OUT` alone; no run begins before it has ended.
3. Purge staging, what runs until a stage left, and the product. Each step leaves alone what it did before.
4. Write the account of it (OUT/removals/NNNN.json), and take the first file away.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from babelsift.pipelines.removal.derived import purge_scores, purge_values
from babelsift.pipelines.removal.find import Found, find
from babelsift.pipelines.removal.ledger import funnel_of, ledger_files, rewrite_ledger
from babelsift.pipelines.removal.product import Account, read_recipe, rewrite_product
from babelsift.pipelines.removal.requests import Request
from babelsift.pipelines.removal.shards import final_shards
from babelsift.pipelines.removal.staged import purge_staging
from babelsift.pipelines.removal.swap import finish_swap
from babelsift.pipelines.removal.tables import read_rows, write_rows
from babelsift.pipelines.run_folder.finished_run import read_funnel
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import Manifest, read_manifest
from babelsift.pipelines.run_folder.paths import (
    CARD,
    CROISSANT,
    FUNNEL,
    PARQUET,
    PREVIEW,
    RECIPE,
    REJECTS,
    REMOVALS,
    REPORT_PAGE,
    STATS,
    TAR,
    UNFINISHED_REMOVAL,
    UNTIL_FOLDER,
)
from babelsift.pipelines.run_folder.product import Product
from babelsift.pipelines.run_folder.tombstones import (
    NO_TOMBSTONES,
    VALUE,
    Tombstones,
    read_tombstones,
    write_tombstones,
)
from babelsift.pipelines.run_folder.writers.claim import claim_folder
from babelsift.pipelines.run_folder.writers.lock import RunLock
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.schemas import Funnel, RunFolderError, public_url

_RECEIPT = "staging/finished.json"


@dataclass(frozen=True)
class Removal:
    """What a removal came to.

    Attributes:
        number: of it in the folder; None: there was nothing to do.
        lists: name of a list -> its entries, and how many of them name something in the folder.
        pairs: different pairs that go. urls: that these are of. texts: of them in shards. samples: that go whole.
        images: staged ones that go; None: not known before they do.
        is_done: whether it was done, and not only looked at.
    """

    number: int | None
    lists: dict[str, dict[str, int]]
    pairs: int
    urls: int
    texts: int
    samples: int
    is_done: bool

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def remove(output: str, requests: Sequence[Request], *, dry_run: bool = False) -> Removal:
    """Removes what lists ask for from a run folder; goes on first with a removal that has not ended.

    Args:
        output: the run folder, any fsspec URL.
        requests: none: an unfinished removal is finished.
        dry_run: only says what would go.

    Raises:
        RunFolderError: it is no run folder; another run works there; a file cannot be read or written.
    """
    folder = RunFolder(output)
    if _manifest_of(folder) is None:
        raise RunFolderError(f"{public_url(output)}: is no run folder: no run of babelsift has begun there")
    request = NO_TOMBSTONES
    for one in requests:
        request |= one.tombstones
    if dry_run:
        return _removal(folder, requests, request, find(folder, request), number=None)
    with RunLock(folder.check_writable()) as lock:
        folder = claim_folder(folder, lock.token)
        was_begun = folder.exists(UNFINISHED_REMOVAL)
        finished = _finish(folder)
        if not requests:
            if finished is None:
                why = "what was begun there had changed nothing yet" if was_begun else "no removal is unfinished there"
                raise RunFolderError(f"{public_url(output)}: {why}; give a list: --urls FILE")
            return finished
        found = find(folder, request)
        new = (request | found.tombstones).without(read_tombstones(folder))
        if not new and not found.pairs:
            return finished or _removal(folder, requests, request, found, number=None, is_done=True)
        _begin(folder, requests, request, found, new)
        finished = _finish(folder)
        assert finished is not None
        return finished


def _manifest_of(folder: RunFolder) -> Manifest | None:
    with storage_failures(RunFolderError, f"{public_url(folder.url)}: cannot be read"):
        return read_manifest(folder)


def _removal(
    folder: RunFolder,
    requests: Sequence[Request],
    request: Tombstones,
    found: Found,
    *,
    number: int | None,
    is_done: bool = False,
) -> Removal:
    lists = {}
    for one in requests:
        named = sum(len(found.named.of(kind) & digests) for kind, digests in one.tombstones.digests.items())
        lists[one.name] = {"entries": one.entries, "named": named}
    texts = samples = 0
    for shard in final_shards(folder, request | found.tombstones):
        texts += int(shard.goes.sum())
        samples += len(set(shard.rows.column("key").to_pylist())) - shard.samples_left
    return Removal(number, lists, found.pairs, found.urls, texts, samples, is_done)


def _begin(folder: RunFolder, requests: Sequence[Request], request: Tombstones, found: Found, new: Tombstones) -> None:
    """Writes down what is to be done, then the tombstones: the removal has begun."""
    numbers = [int(name.removesuffix(".json")) for name in folder.list(REMOVALS, ".json") if name[:-5].isdecimal()]
    removal = _removal(folder, requests, request, found, number=1 + max(numbers, default=0), is_done=True)
    told = {kind: sorted(digest.hex() for digest in new.of(kind)) for kind in sorted(new.digests) if kind != VALUE}
    funnel = read_funnel(folder)
    manifest = _manifest_of(folder)
    assert manifest is not None
    is_whole = funnel is not None and manifest.replacement is None
    account = None
    if is_whole and funnel is not None:
        account = {
            "stages": [stage.stage for stage in funnel.stages],
            "source_rows": funnel.source_rows,
            "timings": (folder.read_json(FUNNEL) or {}).get("timings", {}),
        }
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    content = {**removal.to_json(), "at": at, "digests": told, "account": account}
    folder.write_json(UNFINISHED_REMOVAL, content)
    write_tombstones(folder, read_tombstones(folder) | new)


def _finish(folder: RunFolder) -> Removal | None:
    """Does what a removal that has begun has still to do; returns what it came to, None where none has begun."""
    begun = folder.read_json(UNFINISHED_REMOVAL)
    if begun is None:
        return None
    removed = read_tombstones(folder)
    if not _has_begun(begun, removed):  # it was killed before it changed anything
        folder.remove(UNFINISHED_REMOVAL)
        return None
    finish_swap(folder)
    folder.remove(_RECEIPT)
    images = purge_staging(folder, removed)
    scores = purge_scores(folder, removed)
    recipe = read_recipe(folder) if folder.exists(RECIPE) else None
    values = purge_values(folder, removed, recipe)
    _purge_until(folder, removed, begun["number"])
    if begun["account"] is not None:
        known = begun["account"]
        account = Account(tuple(known["stages"]), known["source_rows"], known["timings"])
        said = (
            f"removed on request after this run: {begun['pairs']} pairs, {begun['texts']} texts of the shards among "
            "them; samples, hosts and the funnel are without them; the next full run says again how values are spread"
        )
        rewrite_product(folder, removed, account, removal=begun["number"], said=said)
    else:
        _purge_unfinished_product(folder, removed, begun["number"])
    logging.info("remove: %d staged images, %d scores, %d values of columns", images, scores, values)
    record = {name: value for name, value in begun.items() if name != "account"}
    folder.write_json(f"{REMOVALS}/{begun['number']:04d}.json", record)
    folder.remove(UNFINISHED_REMOVAL)
    names = Removal.__dataclass_fields__
    return Removal(**{name: value for name, value in begun.items() if name in names})


def _has_begun(begun: dict[str, Any], removed: Tombstones) -> bool:
    return all(bytes.fromhex(one) in removed.of(kind) for kind, told in begun["digests"].items() for one in told)


def _purge_until(folder: RunFolder, removed: Tombstones, number: int) -> None:
    """Removes rows from what runs that ended after a stage left, and has their accounts say so."""
    for stage in folder.folders(UNTIL_FOLDER):
        where = f"{UNTIL_FOLDER}/{stage}"
        gone, kept = list[pa.Table](), dict[str, int]()
        for name in folder.list(where, PARQUET):
            rows = read_rows(folder, f"{where}/{name}")
            goes = removed.are_pairs(rows)
            if goes.any():
                gone.append(rows.filter(pa.array(goes)))
        files = len(folder.list(f"{where}/{REJECTS}", PARQUET)) or 1
        rewrite_ledger(folder, f"{where}/{REJECTS}", removed, gone, files=files, removal=number)
        for name in folder.list(where, PARQUET):
            rows = read_rows(folder, f"{where}/{name}")
            goes = removed.are_pairs(rows)
            if goes.any():
                rows = rows.filter(pa.array(~goes))
                write_rows(folder, f"{where}/{name}", rows)
            languages = rows.column("language").to_pylist() if "language" in rows.schema.names else [""] * len(rows)
            for language in languages:
                kept[language] = kept.get(language, 0) + 1
        content = folder.read_json(where, FUNNEL)
        if content is not None:
            before = Funnel.from_json(content)
            stages = [one.stage for one in before.stages]
            ledger = [rows for _, rows in ledger_files(folder, f"{where}/{REJECTS}")]
            funnel = funnel_of(ledger, kept, stages, source_rows=before.source_rows)
            folder.write_json(f"{where}/{FUNNEL}", funnel.to_json())


def _purge_unfinished_product(folder: RunFolder, removed: Tombstones, number: int) -> None:
    """Removes what there is of a product that no run has finished: shards that hold any of it go whole.

    The next run makes them anew, as it does the report and the card.
    """
    for shard in final_shards(folder, removed):
        if shard.goes.any():
            beside = (folder.read_commit_mark(shard.stem + STATS) or {}).get("files", {})
            for path in (shard.stem + STATS, shard.stem + TAR, shard.stem + PARQUET, *beside):
                folder.remove(path)
    manifest = _manifest_of(folder)
    held = (manifest.product if manifest is not None else None) or Product()
    rewrite_ledger(folder, REJECTS, removed, [], files=max(1, held.ledger_files), removal=number)
    for path in (REPORT_PAGE, PREVIEW, CARD, CROISSANT):
        folder.remove(path)
