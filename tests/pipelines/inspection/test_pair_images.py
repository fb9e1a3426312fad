"""Images of a real run by uid."""

import io
import shutil

import pytest
from PIL import Image

import babelsift
from tests.support.hostile_web import HostileWeb
from tests.support.small_run import babelsift as command
from tests.support.small_run import write_pairs, write_recipe

pytestmark = pytest.mark.xdist_group("pair_images")  # its tests share what a fixture makes


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A run of which the first pairs are left out after the download."""
    home = tmp_path_factory.mktemp("images")
    with HostileWeb() as web:
        write_pairs(web, home / "pairs.parquet")
        said = command(
            *("curate", "--recipe", write_recipe(home / "recipe.yaml"), "--input", str(home / "pairs.parquet")),
            *("--set", "select.conditions.source_row={min: 10, at: select}", "--set", "shards.samples_per_shard=8"),
            *("--output", str(home / "out")),
        )
    assert said.code == 0, said.log
    return home / "out"


def test_images_of_kept_and_left_out_pairs_in_the_order_asked_for(out):
    run = babelsift.open_run(str(out))
    kept = run.pairs().to_table(columns=["uid", "width", "height"]).to_pylist()
    rejected = run.rejects().to_table(columns=["uid", "reason"]).to_pylist()
    assert kept
    never = [row["uid"] for row in rejected if row["uid"] and row["reason"] != "condition_not_met"]
    asked = [*[row["uid"] for row in kept[::-1]], *never, "0" * 32, kept[0]["uid"]]
    found = run.images(asked).read_all().to_pylist()
    assert [row["uid"] for row in found] == asked
    sizes = {row["uid"]: (row["width"], row["height"]) for row in kept}
    for row in found:
        if row["uid"] in sizes:
            assert Image.open(io.BytesIO(row["image"])).size == sizes[row["uid"]]
            assert row["extension"] == "jpg"
        else:
            assert (row["image"], row["extension"]) == (None, None)


def test_a_pair_that_was_left_out_after_the_download_has_its_staged_image(out):
    run = babelsift.open_run(str(out))
    left_out = run.rejects().to_table(columns=["uid", "reason"]).to_pylist()
    uids = [row["uid"] for row in left_out if row["reason"] == "condition_not_met"]
    assert uids
    images = run.images(uids).read_all().column("image").to_pylist()
    assert all(Image.open(io.BytesIO(image)).size for image in images)


def test_a_shard_that_is_gone_is_one_line(out, tmp_path):
    shutil.copytree(out, tmp_path / "out")
    (tmp_path / "out" / "shards" / "00000000.tar").unlink()
    shutil.rmtree(tmp_path / "out" / "staging" / "images")
    run = babelsift.open_run(str(tmp_path / "out"))
    uid = run.pairs().to_table(columns=["uid"]).column("uid")[0].as_py()
    with pytest.raises(
        babelsift.RunFolderError, match=r"00000000\.tar cannot be read: .*; run `babelsift curate` again"
    ):
        run.images([uid]).read_all()
