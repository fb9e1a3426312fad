"""Every command once, as users run it: from the wheel with `[clip]` alone, in a working folder of their own."""

import urllib.error
import urllib.request

import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.cli.main import COMMANDS
from tests.support.hostile_web import photo
from tests.support.installation import refused_in_one_line, succeeded

_TABLE = ["--input", "pairs.parquet"]
_DRY_RUN = ["curate", "--dry-run", *_TABLE]


def test_conditions_heads_near_duplicates_and_balancing_need_no_other_extra(curated):
    kept, rejected = curated.kept, curated.rejected
    assert len(kept) + len(rejected) == curated.pairs
    reasons = set(rejected.column("reason").to_pylist())
    assert reasons >= {"near_duplicate_caption", "near_duplicate_image", "condition_not_met", "beyond_host_cap"}
    assert "total" in kept.column_names
    assert kept.column("total").null_count == 0
    assert sorted((curated.home / "embeddings").rglob("*.npy"))


_EACH_COMMAND = [
    (["--help"], "usage: babelsift"),
    (["recipes"], "datacomp-basic"),
    (["recipes", "show", "laion400m"], "name: laion400m"),
    (["status", "out/run"], "out/run: complete"),
    (["status", "out/run", "--recipe", "recipe.yaml", "--json"], '"dedup_images"'),
    (["watch", "out/run"], "done after"),
    (["completion", "bash"], "complete"),
    (["why", "out/run", "UID"], "kept: shards/0000000"),
    (["concepts", "out/run"], "concepts"),
    (["subset", "out/run", "out/subset.npy"], ""),
    (["papers", "out/run"], "out/run-papers/training_summary.md"),
    (["worker-pool", "--socket", "out/pool", "--idle-s", "0.1"], ""),
    (["remove", "out/run", "--uids", "uids.txt", "--dry-run"], "would remove"),
    (["hash", "photo.png", "--output", "out/hashes.parquet"], ""),
    ([*_DRY_RUN, "--recipe", "recipe.yaml", "--output", "out/run"], "dry run: nothing was written"),
    (["compare", "out/run", *_TABLE, "--recipe", "recipe.yaml", "--recipe", "other.yaml"], "other"),
]


@pytest.mark.parametrize(
    ("command", "says"),
    _EACH_COMMAND,
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else "",
)
def test_each_command_works_in_a_users_folder(installation, workplace, curated, command, says):
    uid = curated.kept.column("uid")[0].as_py()
    recipe = (workplace / "recipe.yaml").read_text()
    (workplace / "other.yaml").write_text(recipe.replace("everything", "other").replace("per_host: 30", "per_host: 10"))
    photo(1, (64, 64)).save(workplace / "photo.png")
    (workplace / "uids.txt").write_text(uid)
    arguments = [uid if argument == "UID" else argument for argument in command]
    assert says in succeeded(installation.babelsift(*arguments, cwd=workplace))


def test_one_worker_runs_these_tests(request, worker_id):
    """Another would install everything anew, and compile it."""
    assert request.node.nodeid.endswith("@installed") == (worker_id != "master")


def test_every_command_is_tried_here():
    """Those of the list above, and some that have tests of their own."""
    others = {"ngrams", "urls", "models", "train-head", "demo", "demo-web", "demo-model", "explore", "push", "verify"}
    tried = {command[0] for command, _ in _EACH_COMMAND} - {"--help"} | others
    assert tried == {add.__name__.removeprefix("add_").replace("_", "-") for add in COMMANDS}


def test_the_explorer_names_the_extra_that_it_lacks(installation, workplace, curated):
    done = installation.babelsift("explore", "out/run", cwd=workplace)
    assert "babelsift[explore]" in refused_in_one_line(done)


def test_a_push_elsewhere_than_to_the_hub_is_refused(installation, workplace, curated):
    done = installation.babelsift("push", "out/run", "s3://bucket/run", cwd=workplace)
    assert "hf://datasets/ORGANISATION/NAME" in refused_in_one_line(done)


def test_the_urls_of_a_run_that_ends_before_the_download_are_listed(installation, workplace, curated):
    folder = workplace / "out" / "until"
    ended = ["--recipe", "recipe.yaml", *_TABLE, "--until", "dedup_pairs", "--output", folder]
    succeeded(installation.babelsift("curate", *ended, cwd=workplace))
    succeeded(installation.babelsift("urls", folder, cwd=workplace))
    listed = pq.read_table(folder / "urls")
    assert {"url", "caption", "uid"} <= set(listed.column_names)
    assert 0 < len(listed) <= curated.pairs


def test_the_n_grams_are_a_vocabulary(installation, workplace, curated):
    output = workplace / "out" / "ngrams.txt"
    succeeded(installation.babelsift("ngrams", *_TABLE, "--output", output, "--most", "20", cwd=workplace))
    ngrams = dict(line.split("\t") for line in output.read_text().splitlines())
    assert len(ngrams) == 20
    assert ngrams["of a"] == "40"


def test_the_demos_web_is_served_until_its_input_ends(installation, tmp_path):
    with installation.serving("demo-web", "--pairs", "120", cwd=tmp_path) as process:
        port = int(process.stdout.readline())
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/no such page".replace(" ", "-"))


@pytest.mark.slow
def test_the_demos_model_is_trained_and_one_of_two_steps_is_not_good_enough(installation, tmp_path):
    few = ["--steps", "2", "--batch-size", "12", "--scenes", "12", "--held-out", "34"]
    done = installation.babelsift("demo-model", "--output", "model", *few, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("AUC, 34 held-out pairs: 0.")
    assert (tmp_path / "model" / "open_clip_model.safetensors").exists()


def test_python_m_babelsift_is_the_command(installation, workplace):
    """The working folder comes first on the path then, with its own `schemas`, `filters` and `pipelines`."""
    listed = succeeded(installation.run_python("-m", "babelsift", "recipes", cwd=workplace))
    assert listed == succeeded(installation.babelsift("recipes", cwd=workplace))


@pytest.mark.slow
def test_the_example_shows_the_demo_find_every_pair_that_it_should(installation, tmp_path):
    """`babelsift demo` is one of its cells."""
    printed = succeeded(installation.run_python(installation.sources / "examples" / "first_look.py", cwd=tmp_path))
    assert "Open the report: out/first_look/report/index.html" in printed
    assert (tmp_path / "out/first_look/report/index.html").stat().st_size > 10_000
    shares = dict(line.split()[:2] for line in printed.splitlines() if line.startswith(("precision", "recall")))
    assert {name: float(share.rstrip("%")) > 90 for name, share in shares.items()} == {
        "precision": True,
        "recall": True,
    }
    assert "in all\n" in printed
    assert "['und', 'en', 'fr', 'en', 'und']" in printed
    assert printed.strip().splitlines()[-2].startswith("left out at ")


@pytest.mark.parametrize(
    ("group", "extra"),
    [
        ("dedup_semantic: {epsilon: 0.1}", "semantic"),
        ("heads: {name: nsfw, classifier: opennsfw}", "safety"),
        ("captions: {parts_of_speech: {needs: [noun]}}", "tagger"),
    ],
)
def test_a_missing_extra_is_one_line_that_names_it(installation, workplace, curated, group, extra):
    name = f"needs-{extra}.yaml"
    (workplace / name).write_text(f"name: needs-{extra}\nclip: {{model: babelsift-demo}}\n{group}\n")
    done = installation.babelsift(
        "curate", "--recipe", name, "--input", "pairs.parquet", "--output", f"out/{extra}", cwd=workplace
    )
    assert f"babelsift[{extra}]" in refused_in_one_line(done)
    assert not (workplace / f"out/{extra}/staging").exists(), "nothing was downloaded before"


def test_s3_without_its_extra_is_one_line_that_names_it(installation, workplace, curated):
    done = installation.babelsift("status", "s3://bucket/run", cwd=workplace)
    assert "babelsift[s3]" in refused_in_one_line(done)
