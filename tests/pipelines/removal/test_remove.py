import hashlib
import json
import shutil
import tarfile
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.cli.main import main
from babelsift.pipelines.inspection.finished import open_run
from babelsift.pipelines.inspection.why import find_fates
from babelsift.pipelines.removal.find import find
from babelsift.pipelines.removal.ledger import funnel_of, ledger_files
from babelsift.pipelines.removal.remove import remove
from babelsift.pipelines.removal.requests import read_request
from babelsift.pipelines.removal.shards import final_shards, rewrite_shard
from babelsift.pipelines.removal.tars import sample_files
from babelsift.pipelines.replay.dry_run import dry_run
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.pipelines.run_folder.paths import UNFINISHED_REMOVAL
from babelsift.pipelines.run_folder.tombstones import NO_TOMBSTONES, check_no_unfinished_removal, read_tombstones
from babelsift.pipelines.run_folder.writers.claim import claim_folder
from babelsift.pipelines.run_folder.writers.lock import RunLock
from babelsift.schemas import Funnel, InputError, RunFolderError
from babelsift.schemas.recipe import DedupPairsSettings
from tests.support.hostile_web import HostileWeb, answer, encoded, photo
from tests.support.killed import changes_of, kill_at
from tests.support.left_in_folder import where
from tests.support.small_run import RECIPE, babelsift, product, write_recipe

SIZE = (48, 40)


@dataclass
class Setup:
    """A finished run, its web and its input.

    Attributes:
        rows: (URL, caption) of the input; 0 and 20 have equal images under two URLs, 1 and 21 one URL and two texts.
    """

    home: object
    web: HostileWeb
    recipe: str
    rows: list

    @property
    def out(self):
        return self.home / "out"

    def uid(self, row):
        url, caption = self.rows[row]
        return compute_uids(pa.array([url]), pa.array([caption]))[0].as_py()

    def list(self, *entries):
        path = self.home / "list.txt"
        path.write_text("# asked for\n\n" + "\n".join(entries) + "\n")
        return str(path)

    def curate(self, rows=None, out=None):
        rows = self.rows if rows is None else rows
        write(self.home / "pairs.parquet", rows)
        command = ["--recipe", self.recipe, "--input", str(self.home / "pairs.parquet")]
        said = babelsift("curate", *command, "--output", str(out or self.out))
        assert said.code == 0, said.log

    def remove(self, **lists):
        return remove(str(self.out), [read_request(name, path) for name, path in lists.items()])

    def table(self, folder):
        return pa.concat_tables([pq.read_table(path) for path in sorted((self.out / folder).glob("*.parquet"))])


def write(path, rows):
    urls, captions = zip(*rows, strict=True)
    pq.write_table(pa.table({"url": urls, "caption": captions}), path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("made")
    with HostileWeb() as web:
        urls = [web.on(f"/{row}.jpg", answer(encoded(photo(row, SIZE)))) for row in range(20)]
        rows = [(url, f"a photo of thing number {row:02d}") for row, url in enumerate(urls)]
        rows.append((web.on("/copy.jpg", answer(encoded(photo(0, SIZE)))), "the same photo elsewhere"))
        rows.append((urls[1], "another text of thing one"))
        rows += [(web.url("/gone.jpg"), "an image that is gone"), ("no url", "a text without an address")]
        setup = Setup(home, web, write_recipe(home / "recipe.yaml"), rows)
        setup.curate()
        yield setup


@pytest.fixture
def run(made, tmp_path):
    shutil.copytree(made.out, tmp_path / "out")
    return Setup(tmp_path, made.web, made.recipe, made.rows)


def hidden(run, *rows):
    """What nothing in the folder may hold of some rows: URLs, captions, images as they are stored."""
    texts = [text for row in rows for text in run.rows[row]]
    images = []
    for path in sorted((run.out / "staging" / "images").glob("*.parquet")):
        content = path.with_suffix(".tar").read_bytes()
        for staged in pq.read_table(path).to_pylist():
            if staged["url"] in texts and staged["image_offset"]:
                images.append(content[staged["image_offset"] :][: staged["image_size"]])
    return [*texts, *images]


def test_the_funnel_follows_from_ledger_and_shards(run):
    folder, before = RunFolder(str(run.out)), open_run(str(run.out)).funnel
    kept = dict.fromkeys(before.stages[-1].by_language, 0)
    for shard in final_shards(folder, NO_TOMBSTONES):
        for language in shard.rows.column("language").to_pylist():
            kept[language] += 1
    ledger = [rows for _, rows in ledger_files(folder)]
    stages = [stage.stage for stage in before.stages]
    assert funnel_of(ledger, kept, stages, source_rows=before.source_rows) == before


def test_what_urls_name_is_nowhere_in_the_folder_and_every_pair_has_one_fate(run):
    sought = hidden(run, 3, 7, 22)
    assert {found for _, found in where(run.out, *sought)} == {str(one) for one in sought}
    shards = {path.name: path.read_bytes() for path in (run.out / "shards").iterdir()}
    before = open_run(str(run.out)).funnel
    removal = run.remove(urls=run.list(*(run.rows[row][0] for row in (3, 7, 22)), "https://nowhere.example/x.jpg"))
    assert (removal.pairs, removal.lists) == (3, {"urls": {"entries": 4, "named": 3}})
    assert where(run.out, *sought) == []
    after = open_run(str(run.out))
    assert (after.funnel.input_rows, after.funnel.kept_rows) == (before.input_rows, before.kept_rows - 2)
    assert after.funnel.stages[0].rejected["removed"] == 3
    ledger = {row["uid"]: row for row in run.table("rejects").to_pylist() if row["reason"] == "removed"}
    assert set(ledger) == {run.uid(row) for row in (3, 7, 22)}
    for row in ledger.values():
        assert [row[name] for name in ("stage", "url", "caption", "value", "threshold", "language")] == ["read"] + [
            None
        ] * 5
    uids = [*run.table("shards")["uid"].to_pylist(), *run.table("rejects")["uid"].to_pylist()]
    assert len(uids) == len(run.rows)
    # A shard that loses nothing is not written anew; one that does keeps its number and its keys.
    changed = {name.split(".")[0].split("_")[0] for name, content in shards.items() if content != read(run, name)}
    touched = changed - {"sizes"}
    assert touched < {name.split(".")[0] for name in shards if name.endswith(".tar")}
    sizes = json.loads(read(run, "sizes.json"))
    assert sum(sizes.values()) == 18 == after.pairs().count_rows() - 1  # a sample has two texts
    assert json.loads((run.out / "sizes.json").read_text()) == sizes
    manifest = read_manifest(after.folder)
    assert (manifest.product.total_samples, manifest.replacement, manifest.unfinished) == (18, None, False)
    croissant = (run.out / "croissant.json").read_text()
    for name in sizes:
        assert hashlib.sha256((run.out / "shards" / name).read_bytes()).hexdigest() in croissant
    assert [fate.row["reason"] for fate in find_fates(str(run.out), run.uid(3))] == ["removed"]
    with pytest.raises(RunFolderError, match=r"was removed on request.*its uid alone"):
        find_fates(str(run.out), run.rows[3][0].replace("http:", "https:"))
    with pytest.raises(RunFolderError, match=r"no pair with url .* or ask by uid"):
        find_fates(str(run.out), "http://e.org/typo.jpg")
    record = json.loads((run.out / "removals" / "0001.json").read_text())
    assert (record["pairs"], record["texts"], record["samples"]) == (3, 2, 2)
    assert run.remove(urls=run.list(run.rows[3][0])).number is None  # there is nothing of it left


def read(run, name):
    return (run.out / "shards" / name).read_bytes()


def test_copies_of_equal_pixels_and_other_texts_of_the_image_go_too(run):
    sought = hidden(run, 0, 1, 20, 21)
    removal = run.remove(uids=run.list(run.uid(0), run.uid(21)))
    assert (removal.pairs, removal.lists["uids"]) == (4, {"entries": 2, "named": 2})
    assert where(run.out, *sought) == []
    gone = {row["uid"] for row in run.table("rejects").to_pylist() if row["reason"] == "removed"}
    assert gone == {run.uid(row) for row in (0, 1, 20, 21)}


# MD5 and SHA-1 of what was served are not stored by this recipe: a later run compares them at the download.
@pytest.mark.parametrize(("name", "as_served"), [("sha256", True), ("sha256", False), ("sha1", False), ("md5", False)])
def test_a_hash_names_an_image_as_it_was_served_or_as_it_is_stored(run, name, as_served):
    sought = hidden(run, 5)
    content = encoded(photo(5, SIZE)) if as_served else sought[-1]
    digest = hashlib.new(name, content).hexdigest().upper()
    removal = run.remove(hashes=run.list(f"{name}:{digest}", "0" * 32))
    assert (removal.pairs, removal.lists["hashes"]) == (1, {"entries": 2, "named": 1})
    assert where(run.out, *sought) == []


def test_a_domain_goes_with_all_below_it(run):
    removal = run.remove(domains=run.list("0.0.1", "other.example"))  # of 127.0.0.1
    assert removal.lists["domains"] == {"entries": 2, "named": 1}
    assert removal.pairs == 23
    assert where(run.out, "/3.jpg", "thing number 03") == []
    assert open_run(str(run.out)).funnel.kept_rows == 0
    assert all(size == 0 for size in json.loads(read(run, "sizes.json")).values())


def test_a_later_run_gives_what_one_without_these_rows_gives_and_keeps_copies_out(run):
    run.remove(urls=run.list(run.rows[3][0], run.rows[0][0]))
    copy = (run.web.on("/another-copy.jpg", answer(encoded(photo(3, SIZE)))), "the photo of three once more")
    run.curate([*run.rows, copy])
    rows = {row["uid"]: row for row in run.table("rejects").to_pylist() if row["reason"] == "removed"}
    [of_copy] = [row for row in rows.values() if row["stage"] == "download"]
    assert (of_copy["url"], of_copy["caption"], of_copy["value"]) == (None, None, None)
    assert set(rows) == {run.uid(0), run.uid(3), run.uid(20), of_copy["uid"]}
    assert where(run.out, *run.rows[3], *run.rows[0], copy[0]) == []
    without = [row for number, row in enumerate(run.rows) if number not in (0, 3, 20)]
    run.curate(without, run.home / "fresh")
    names = sorted(path.name for path in (run.home / "fresh/shards").glob("*.parquet"))
    assert names == sorted(path.name for path in (run.out / "shards").glob("*.parquet"))
    for name in names:  # the rows' numbers in the input alone differ
        tables = [pq.read_table(home / "shards" / name) for home in (run.out, run.home / "fresh")]
        mine, other = (table.drop_columns(["source_row"]) for table in tables)
        assert mine.equals(other)
        images = [
            dict(sample_files((home / "shards" / name).with_suffix(".tar").open("rb")))
            for home in (run.out, run.home / "fresh")
        ]
        assert images[0] == images[1]
    mine, other = product(str(run.out)), product(str(run.home / "fresh"))
    assert mine["sizes.json"] == other["sizes.json"]


@pytest.mark.parametrize(
    ("name", "entry", "says"),
    [
        ("uids", "12", "entry 1: '12' is no uid"),
        ("urls", "example.com/photos/*", "stands for many URLs"),
        ("domains", "example.com/a", "is no domain"),
        ("domains", "example.com:8080", "'example.com:8080' is no domain"),
        ("hashes", "md5:" + "0" * 64, "is no hash"),
        ("hashes", "xyz", "is no hash"),
    ],
)
def test_a_wrong_entry_is_named_and_nothing_changes(tmp_path, name, entry, says):
    (tmp_path / "list.txt").write_text(f"{entry}\n")
    with pytest.raises(InputError, match=says):
        read_request(name, str(tmp_path / "list.txt"))


def test_a_remark_after_a_url_and_a_name_after_a_hash_are_passed_over(tmp_path):
    digest, url = "0123456789abcdef" * 4, "http://example.com/a.jpg"
    for name, plain, written in (("urls", url, f"{url}  # of A"), ("hashes", digest, f"{digest.upper()}  a b.jpg")):
        (tmp_path / "plain.txt").write_text(plain)
        (tmp_path / "written.txt").write_text(f"{written}\n")
        read = [read_request(name, str(tmp_path / file)).tombstones for file in ("plain.txt", "written.txt")]
        assert read[0] == read[1]


def test_lists_are_read_from_tables_and_subsets_too(run):
    uids = [run.uid(4), run.uid(5)]
    expected = read_request("uids", run.list(*uids)).tombstones
    pq.write_table(pa.table({"uid": uids}), run.home / "uids.parquet")
    (run.home / "uids.csv").write_text("n,uid\n" + "".join(f"1,{uid}\n" for uid in uids))
    assert babelsift("subset", str(run.out), str(run.home / "all.npy")).code == 0
    assert read_request("uids", str(run.home / "uids.parquet")).tombstones == expected
    assert read_request("uids", str(run.home / "uids.csv")).tombstones == expected
    every = read_request("uids", str(run.home / "all.npy"))
    assert not expected.without(every.tombstones)
    pq.write_table(pa.table({"link": uids}), run.home / "no.parquet")
    with pytest.raises(InputError, match="give a table with a column 'uid'"):
        read_request("uids", str(run.home / "no.parquet"))


def test_a_dry_run_changes_nothing_and_a_folder_that_is_no_run_is_one_line(run):
    before = {path: path.read_bytes() for path in run.out.rglob("*") if path.is_file()}
    request = read_request("urls", run.list(run.rows[3][0]))
    looked = remove(str(run.out), [request], dry_run=True)
    assert (looked.pairs, looked.samples, looked.is_done, looked.number) == (1, 1, False, None)
    assert {path: path.read_bytes() for path in run.out.rglob("*") if path.is_file()} == before
    assert find(RunFolder(str(run.out)), NO_TOMBSTONES).pairs == 0
    with pytest.raises(RunFolderError, match="is no run folder"):
        remove(str(run.home), [request])
    with pytest.raises(RunFolderError, match="no removal is unfinished there"):
        remove(str(run.out), [])
    said = babelsift("remove", str(run.home), "--urls", run.list("a.example/b"))
    assert (said.code, "is no run folder" in said.error) == (2, True)


def test_a_dry_run_of_the_input_leaves_out_what_was_removed(run):
    run.remove(urls=run.list(run.rows[3][0], run.rows[0][0]))
    write(run.home / "pairs.parquet", run.rows)
    looked = dry_run(RECIPE, str(run.out), [str(run.home / "pairs.parquet")])
    assert (looked.funnel.stages[0].rejected["removed"], looked.not_stored) == (3, {})
    assert looked.funnel.kept_rows == open_run(str(run.out)).funnel.kept_rows


def test_what_the_folder_never_had_is_kept_out_all_the_same(run):
    later = (run.web.on("/later.jpg", answer(encoded(photo(77, SIZE)))), "a photo that comes later")
    removal = run.remove(urls=run.list(later[0]))
    assert (removal.number, removal.pairs) == (1, 0)
    assert read_tombstones(RunFolder(str(run.out)))
    run.curate([*run.rows, later])
    assert where(run.out, *later) == []
    assert open_run(str(run.out)).funnel.stages[0].rejected["removed"] == 1


MOMENTS = 16


def everything(folder):
    """All that two removals of the same have in common: but for times, tokens and epochs."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and name not in (".babelsift-lock", "running.json", "list.txt"):
            content = path.read_bytes()
            if name == "manifest.json" or name.startswith("removals/0"):
                known = json.loads(content)
                content = json.dumps({key: known[key] for key in known if key not in ("epoch", "run", "at")}).encode()
            found[name] = content
    return found


def test_killed_at_any_moment_the_same_command_ends_at_the_same_bytes(run, tmp_path):
    requests = [read_request("urls", run.list(*(run.rows[row][0] for row in (0, 5, 22)), "http://later.example/"))]
    before, folders = tmp_path / "before", []
    shutil.copytree(run.out, before)

    def work():
        remove(str(run.out), requests)

    changes = changes_of(work)
    expected = everything(run.out)
    assert changes > 3 * MOMENTS
    for moment in range(MOMENTS):
        shutil.rmtree(run.out)
        shutil.copytree(before, run.out)
        assert kill_at(changes * (2 * moment + 1) // (2 * MOMENTS), work)
        if (run.out / "removals" / "unfinished.json").exists():
            with pytest.raises(RunFolderError, match="a removal has not ended there; run `babelsift remove"):
                check_no_unfinished_removal(RunFolder(str(run.out)))
            folders.append(moment)
            if moment % 2:  # without the lists, and then with them: there is nothing left to do
                is_written = (run.out / "removals" / "tombstones.parquet").exists()
                with nullcontext() if is_written else pytest.raises(RunFolderError, match="had changed nothing yet"):
                    remove(str(run.out), [])
        work()
        assert everything(run.out) == expected, moment
    assert len(folders) > MOMENTS // 2


def test_a_run_that_is_under_way_keeps_a_removal_out_and_is_ended_by_one(run):
    folder, request = RunFolder(str(run.out)), read_request("urls", run.list(run.rows[3][0]))
    with RunLock(folder) as lock:
        claimed = claim_folder(folder, lock.token, wait=lambda _: None)
        with pytest.raises(RunFolderError, match=r"already|works|running"):
            remove(str(run.out), [request])
    remove(str(run.out), [request])
    with pytest.raises(RunFolderError, match="a later run"):
        claimed.write_json("late.json", {})


def test_a_later_run_into_another_folder_that_names_this_one_heeds_it(run):
    run.remove(urls=run.list(run.rows[3][0]))
    recipe = RECIPE.model_copy(update={"dedup_pairs": DedupPairsSettings(earlier=(str(run.out),))})
    other = Setup(run.home, run.web, write_recipe(run.home / "other.yaml", recipe), run.rows)
    new = (run.web.on("/new.jpg", answer(encoded(photo(55, SIZE)))), "a photo that is new")
    other.curate([*run.rows, new], run.home / "other")
    funnel = open_run(str(run.home / "other")).funnel
    assert funnel.stages[0].rejected["removed"] == 1
    assert where(run.home / "other", *run.rows[3]) == []
    assert funnel.kept_rows == 1


def test_what_ran_until_a_stage_and_a_list_of_urls_lose_them_too(run):
    write(run.home / "pairs.parquet", run.rows)
    command = ["--recipe", run.recipe, "--input", str(run.home / "pairs.parquet"), "--output", str(run.out)]
    assert babelsift("curate", *command, "--until", "dedup_pairs").code == 0
    assert babelsift("urls", str(run.out)).code == 0
    assert where(run.out / "until", run.rows[3][0])
    assert where(run.out / "urls", run.rows[3][0])
    run.remove(urls=run.list(run.rows[3][0]))
    assert where(run.out, *run.rows[3]) == []
    funnel = Funnel.from_json(json.loads((run.out / "until/dedup_pairs/funnel.json").read_text())).check()
    assert funnel.stages[0].rejected["removed"] == 1
    assert read_manifest(RunFolder(str(run.out))).unfinished  # as the run until the stage left it
    assert babelsift("curate", *command).code == 0
    assert where(run.out, *run.rows[3]) == []


def test_a_product_that_no_run_finished_loses_whole_shards_and_the_next_run_makes_them(run):
    expected = product(str(run.out))
    (run.out / "funnel.json").unlink()
    run.remove(urls=run.list(run.rows[3][0]))
    assert where(run.out, *run.rows[3]) == []
    run.curate()
    assert where(run.out, *run.rows[3]) == []
    assert open_run(str(run.out)).funnel.stages[0].rejected["removed"] == 1
    assert set(product(str(run.out))) >= set(expected)


def test_on_an_object_store(run, s3_bucket):
    import s3fs

    for path in (path for path in run.out.rglob("*") if path.is_file()):
        s3fs.S3FileSystem().put(str(path), s3_bucket.url(f"out/{path.relative_to(run.out)}"))
    request = read_request("urls", run.list(run.rows[3][0], run.rows[0][0]))
    removal = remove(s3_bucket.url("out"), [request])
    assert (removal.pairs, removal.number) == (3, 1)
    sought = hidden(run, 3, 0, 20)
    assert where(run.out, *sought)
    assert where(s3_bucket.folder / "out", *sought) == []
    remove(str(run.out), [request])
    ours, theirs = (product(url) for url in (str(run.out), s3_bucket.url("out")))
    ours, theirs = (
        {path: found[path] for path in found if not path.startswith("removals")} for found in (ours, theirs)
    )
    assert ours == theirs


def test_a_text_goes_alone_from_a_sample_with_another_and_from_all_that_lies_beside_the_shard(run):
    folder = RunFolder(str(run.out))
    [shard] = [shard for shard in final_shards(folder, NO_TOMBSTONES) if run.uid(1) in shard.rows["uid"].to_pylist()]
    uids = shard.rows["uid"].to_pylist()
    rows = len(uids)
    beside = f"embeddings/tiny/img_emb/img_emb_{shard.name}.npy"
    with folder.writing(beside) as file:
        np.lib.format.write_array(file, np.arange(2 * rows, dtype=np.float16).reshape(rows, 2))
    stats = json.loads(read(run, f"{shard.name}_stats.json"))
    stats["files"][beside] = file.sha256
    folder.write_json(f"{shard.stem}_stats.json", stats)
    rewrite_shard(folder, replace(shard, goes=np.array([uid == run.uid(1) for uid in uids])))
    row, key = uids.index(run.uid(1)), shard.rows["key"][uids.index(run.uid(1))].as_py()
    left = pq.read_table(run.out / f"{shard.stem}.parquet")
    assert left["uid"].to_pylist() == [uid for uid in uids if uid != run.uid(1)]
    vectors = np.load(run.out / beside)
    assert vectors[:, 0].tolist() == [2 * at for at in range(rows) if at != row]
    with tarfile.open(run.out / f"{shard.stem}.tar") as tar:
        assert tar.extractfile(f"{key}.txt").read().decode() == run.rows[21][1]
        document = json.loads(tar.extractfile(f"{key}.json").read())
        assert len(tar.getnames()) == 3 * len(set(shard.rows["key"].to_pylist()))
    assert (document["uid"], [text["uid"] for text in document["texts"]]) == (run.uid(21), [run.uid(21)])
    images = {
        image["key"]: image["texts"] for image in pq.read_table(run.out / f"images/{shard.name}.parquet").to_pylist()
    }
    assert images[key] == 1
    stats = json.loads(read(run, f"{shard.name}_stats.json"))
    assert (stats["texts"], stats["samples"]) == (rows - 1, len(images))
    for path, digest in stats["files"].items():
        assert hashlib.sha256((run.out / path).read_bytes()).hexdigest() == digest


def test_a_damaged_staging_shard_is_not_made_good_by_a_removal(run):
    path = next(
        path
        for path in sorted((run.out / "staging/images").glob("*.parquet"))
        if run.rows[3][0] in pq.read_table(path)["url"].to_pylist()
    )
    pq.write_table(pq.read_table(path).slice(0, 5), path)
    run.remove(urls=run.list(run.rows[3][0]))
    assert not path.exists()
    assert not path.with_suffix(".tar").exists()


def test_a_staging_shard_with_broken_pages_goes_as_a_whole(run):
    path = min((run.out / "staging/images").glob("*.parquet"))
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 16 + content[20:])
    run.remove(urls=run.list(run.rows[3][0]))
    assert not path.exists()


def test_status_says_what_was_removed_and_what_has_not_ended(run, capsys):
    run.remove(urls=run.list(run.rows[3][0]))
    assert main(["status", str(run.out)]) == 0
    assert f"removals on request: 1, see {run.out}/removals" in capsys.readouterr().out
    RunFolder(str(run.out)).write_json(UNFINISHED_REMOVAL, {})
    assert main(["status", str(run.out)]) == 0
    assert f"a removal has not ended: run `babelsift remove {run.out}`" in capsys.readouterr().out
