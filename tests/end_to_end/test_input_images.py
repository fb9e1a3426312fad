"""Inputs that bring their images: they enter staging as downloads do, and no request is made."""

import hashlib
import io
import json
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.support.hostile_web import encoded, photo
from tests.support.left_in_folder import where
from tests.support.small_run import babelsift
from tests.support.webdatasets import write_tar

RECIPE = """
name: brought
download: {image_size: 32, max_body_bytes: 20000}
dedup_images: {exact: false}
"""
COUNT = 12


def picture(number):
    return encoded(photo(number, (48, 40)))


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return str(tmp_path / "recipe.yaml")


def tars(folder):
    for shard in range(2):
        members = []
        for number in range(shard * 6, shard * 6 + 6):
            members += [(f"{number:03}.jpg", picture(number)), (f"{number:03}.txt", f"a photo of thing {number}")]
        write_tar(folder / f"s-{shard}.tar", members)
    return f"wds:{folder}/s-{{0..1}}.tar"


def hugging_face(folder):
    images = [{"bytes": picture(number), "path": f"{number}.jpg"} for number in range(COUNT)]
    texts = [f"a photo of thing {number}" for number in range(COUNT)]
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({"image": images, "text": texts, "label": range(COUNT)}), folder / "a.parquet")
    return str(folder / "a.parquet")


def binary_column(folder):
    table = {"jpg": [picture(n) for n in range(COUNT)], "caption": [f"a photo of thing {n}" for n in range(COUNT)]}
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({"url": [f"http://x/{n}.jpg" for n in range(COUNT)], **table}), folder / "a.parquet")
    return str(folder / "a.parquet")


def samples(out):
    found = {}
    for path in sorted((out / "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                stem, _, suffix = member.name.partition(".")
                found.setdefault(stem, {})[suffix] = tar.extractfile(member).read()
    return list(found.values())


def curate(recipe, given, out, *options):
    return babelsift("curate", "--recipe", recipe, "--input", given, "--output", str(out), *options)


def ledger(out):
    return {row["source_row"]: row["reason"] for path in (out / "rejects").glob("*.parquet")
            for row in pq.read_table(path).to_pylist()}  # fmt: skip


@pytest.mark.parametrize("write", [tars, hugging_face, binary_column])
def test_images_that_the_input_brings_become_samples(tmp_path, recipe, write):
    given = write(tmp_path / "in")
    assert curate(recipe, given, tmp_path / "out").code == 0
    made = samples(tmp_path / "out")
    assert sorted(sample["txt"].decode() for sample in made) == sorted(f"a photo of thing {n}" for n in range(COUNT))
    for sample in made:
        assert Image.open(io.BytesIO(sample["jpg"])).size == (38, 32)  # encoded anew
        number = int(sample["txt"].split()[-1])
        row = json.loads(sample["json"])
        assert (row["original_width"], row["source_row"] % 6) == (48, number % 6)


def test_the_same_input_gives_the_same_bytes_and_is_staged_once(tmp_path, recipe):
    given = tars(tmp_path / "in")
    assert curate(recipe, given, tmp_path / "out").code == 0
    staged = tmp_path / "out/staging/input/00000.tar"
    before, first = staged.stat().st_mtime_ns, samples(tmp_path / "out")
    assert curate(recipe, given, tmp_path / "out").code == 0
    assert staged.stat().st_mtime_ns == before
    assert curate(recipe, given, tmp_path / "other").code == 0
    assert samples(tmp_path / "out") == first == samples(tmp_path / "other")
    assert staged.read_bytes() == (tmp_path / "other/staging/input/00000.tar").read_bytes()


def test_what_is_no_image_to_store_is_in_the_ledger(tmp_path, recipe):
    bodies = [picture(0), b"<html>", b"", b"x" * 30_000, picture(1)[:200], None]
    images = [{"bytes": body, "path": None} for body in bodies]
    table = pa.table({"image": images, "text": [f"text number {number}" for number in range(6)]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert curate(recipe, str(tmp_path / "a.parquet"), tmp_path / "out").code == 0
    assert ledger(tmp_path / "out") == {
        1: "not_an_image",
        2: "empty_body",
        3: "body_too_large",
        4: "image_undecodable",
        5: "empty_body",
    }


def test_an_input_that_changed_is_staged_anew(tmp_path, recipe):
    write_tar(tmp_path / "0.tar", [("0.jpg", picture(0)), ("0.txt", "a photo of thing 0")])
    assert curate(recipe, str(tmp_path / "0.tar"), tmp_path / "out").code == 0
    write_tar(tmp_path / "0.tar", [("0.jpg", picture(5)), ("0.txt", "a photo of thing 0"), ("1.jpg", picture(1)),
                                   ("1.txt", "a photo of thing 1")])  # fmt: skip
    assert curate(recipe, str(tmp_path / "0.tar"), tmp_path / "out").code == 0
    assert len(samples(tmp_path / "out")) == 2


def test_tables_of_urls_and_images_of_an_input_are_not_mixed(tmp_path, recipe):
    hugging_face(tmp_path / "in")
    (tmp_path / "in/b.csv").write_text("url,caption\nhttp://x/1.jpg,a cat\n")
    said = curate(recipe, str(tmp_path / "in"), tmp_path / "out")
    assert said.code == 2
    assert "brings its images" in said.error


def test_an_image_on_a_hash_list_is_not_stored_as_the_input_has_it(tmp_path):
    md5 = hashlib.md5(picture(3)).hexdigest()
    (tmp_path / "list.csv").write_text(f"md5,sha1\n{md5},\n")
    recipe = tmp_path / "recipe.yaml"
    lists = f"hash_lists: [{{name: known, files: ['{tmp_path}/list.csv']}}]"
    recipe.write_text(RECIPE.replace("image_size: 32", f"image_size: 32, {lists}"))
    said = curate(str(recipe), binary_column(tmp_path / "in"), tmp_path / "out")
    assert said.code == 0, said.log
    assert len(samples(tmp_path / "out")) == COUNT - 1
    ledger = pq.read_table(tmp_path / "out" / "rejects").to_pylist()
    assert [(row["reason"], row["value"], row["url"], row["caption"]) for row in ledger] == [
        ("on_hash_list", "known", None, None)
    ]
    staged = b"".join(path.read_bytes() for path in (tmp_path / "out" / "staging" / "input").rglob("*.tar"))
    assert staged.count(b"http://x/") == COUNT - 1


def test_a_removal_takes_the_images_that_it_names_and_no_other_and_a_later_run_goes_on(tmp_path, recipe):
    given, out = binary_column(tmp_path / "in"), tmp_path / "out"
    assert curate(recipe, given, out).code == 0
    left = sorted(f"a photo of thing {number}" for number in range(COUNT) if number != 3)
    (tmp_path / "one.txt").write_text("http://x/3.jpg\n")
    assert babelsift("remove", str(out), "--urls", str(tmp_path / "one.txt")).code == 0
    assert sorted(sample["txt"].decode() for sample in samples(out)) == left
    assert ledger(out) == {3: "removed"}
    assert curate(recipe, given, out).code == 0
    assert sorted(sample["txt"].decode() for sample in samples(out)) == left
    (tmp_path / "all.txt").write_text("x\n")
    assert babelsift("remove", str(out), "--domains", str(tmp_path / "all.txt")).code == 0
    assert curate(recipe, given, out).code == 0  # no image is left to be matched
    assert ledger(out) == dict.fromkeys(range(COUNT), "removed")


def test_an_input_that_is_staged_anew_leaves_no_url_that_was_removed(tmp_path, recipe):
    given, out = binary_column(tmp_path / "in"), tmp_path / "out"
    assert curate(recipe, given, out).code == 0
    (tmp_path / "one.txt").write_text("http://x/3.jpg\n")
    assert babelsift("remove", str(out), "--urls", str(tmp_path / "one.txt")).code == 0
    pq.write_table(pq.read_table(given), given, compression="zstd")  # another file, of the same rows
    assert curate(recipe, given, out).code == 0
    assert ledger(out) == {3: "removed"}
    assert where(out, "http://x/3.jpg", "a photo of thing 3") == []
