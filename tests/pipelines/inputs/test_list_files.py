import errno
import os
import zipfile

import fsspec
import pytest

from babelsift.pipelines.inputs.list_files import files_in, input_files
from babelsift.schemas import InputError
from tests.support.faulty_filesystem import fail, faulty_files


@pytest.fixture
def tree(tmp_path):
    for name in (
        "a/1.csv",
        "a/2.csv",
        "a/b/3.csv",
        "a/b/c/4.csv",
        "a/x.txt",
        "part[1].csv",
        "part1.csv",
        "a/.hidden.csv",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "empty").mkdir()
    return tmp_path


def sources(*globs):
    return [file.source for file in input_files(globs)]


SPARK = (
    "year=2024/part-00000.parquet",
    "year=2024/.part-00000.parquet.crc",
    "part-00001.csv.gz",
    "_SUCCESS",
    "._SUCCESS.crc",
    "_temporary/0/part-00002.parquet",
    "readme.md",
)


@pytest.fixture
def spark_folder(tmp_path):
    for name in SPARK:
        (tmp_path / "spark" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "spark" / name).write_text("")
    return tmp_path / "spark"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_folder_is_its_tables_without_what_spark_leaves_beside_them(spark_folder, end):
    assert sources(str(spark_folder) + end) == ["part-00001.csv.gz", "year=2024/part-00000.parquet"]


def test_a_folder_of_shards_is_its_tars_without_what_describes_them(tmp_path):
    """As our product and img2dataset's output have it; where there are no tars, the tables are read."""
    names = ["shards/00000.tar", "shards/00000.parquet", "shards/00000_stats.json", "shards/sizes.json"]
    names += ["tables/00000.parquet", "tables/00000_stats.json", "tables/rows_stats.json"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert sources(str(tmp_path / "shards")) == ["00000.tar"]
    assert sources(str(tmp_path / "tables")) == ["00000.parquet", "rows_stats.json"]


def test_a_run_folder_names_the_folder_of_its_product(tmp_path):
    for name in ("manifest.json", "funnel.json", "a.parquet"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=r"is a run folder; its product is in \S*/shards: name that"):
        input_files([str(tmp_path)])


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_name_is_not_the_working_folder(blank):
    with pytest.raises(InputError, match="names no file"):
        input_files([blank])


def test_a_glob_matches_no_marks_of_spark(spark_folder):
    assert sources(str(spark_folder / "*")) == ["part-00001.csv.gz", "readme.md"]


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("a/1.csv", ["1.csv"]),
        ("a/*.csv", [".hidden.csv", "1.csv", "2.csv"]),
        ("a/[12].csv", ["1.csv", "2.csv"]),
        ("a/?.csv", ["1.csv", "2.csv"]),
        ("a/*/*.csv", ["b/3.csv"]),
        ("a/**/*.csv", [".hidden.csv", "1.csv", "2.csv", "b/3.csv", "b/c/4.csv"]),
        ("*/b/3.csv", ["a/b/3.csv"]),
        ("part[1].csv", ["part[1].csv"]),
        ("part?.csv", ["part1.csv"]),
    ],
)
def test_sources_are_below_the_part_without_wildcards(tree, glob, found):
    assert sources(str(tree / glob)) == found


def test_several_globs_are_told_apart_by_their_position(tree):
    assert sources(str(tree / "a/b/*.csv"), str(tree / "a/1.csv")) == ["1/3.csv", "2/1.csv"]


def test_a_file_that_two_globs_match_is_there_once(tree):
    assert sources(str(tree / "a/1.csv"), str(tree / "a/[12].csv")) == ["1/1.csv", "2/2.csv"]


def test_the_same_files_have_the_same_sources_wherever_they_lie(tree, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    os.rename(tree / "a", elsewhere / "moved")
    monkeypatch.chdir(elsewhere)
    expected = [".hidden.csv", "1.csv", "2.csv"]
    assert sources("moved/*.csv") == sources(f"file://{elsewhere}/moved/*.csv") == expected
    assert sources(f"{elsewhere}/../{elsewhere.name}/moved/*.csv") == expected


def test_files_inside_an_archive_can_be_opened_by_their_paths(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", b"url,caption\n")
    [file] = input_files([f"zip://*.csv::file://{tmp_path}/a.zip"])
    assert file.source == "a.csv"
    with fsspec.open(file.path, "rb") as content:
        assert content.read() == b"url,caption\n"


@pytest.mark.parametrize(
    ("glob", "message"),
    [
        ("nothing/*.csv", "no file matches --input .*check the path"),
        ("a/none.csv", "no file matches --input"),
        ("empty", r"is a folder without a file of a known format; name files, such as .*/empty/\*"),
        ("a/x**y", "cannot look for --input"),
        ("a/1.csv/2.csv", "no file matches --input"),
        ("nosuch://bucket/*.csv", "cannot look for --input 'nosuch://bucket.*nosuch"),
    ],
)
def test_what_is_not_there_is_one_line(tree, glob, message):
    with pytest.raises(InputError, match=message) as raised:
        input_files([glob if "://" in glob else str(tree / glob)])
    assert "\n" not in str(raised.value)


def test_credentials_are_no_part_of_a_source_and_of_no_message(tree):
    with pytest.raises(InputError) as raised:
        input_files(["nosuch://ann:s3cr3t@host/a.csv?X-Amz-Signature=s3cr3t"])
    assert "s3cr3t" not in str(raised.value)


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setenv("BABELSIFT_STORAGE_PATIENCE_S", "0")
    names = ("a/1.csv", "a/2.csv", "a/b/3.csv")
    with faulty_files({f"/{name}": b"" for name in names}):
        yield


@pytest.mark.parametrize("operation", ["info", "ls"])
def test_an_outage_that_passes_leaves_no_file_out(store, operation):
    met = fail(operation, lambda: OSError(errno.EIO, "x"), times=3)
    assert sources("faulty://a/**/*.csv") == ["1.csv", "2.csv", "b/3.csv"]
    assert len(met) == 3


@pytest.mark.parametrize("after", [0, 1])
def test_a_folder_that_cannot_be_listed_is_an_error_and_not_an_empty_one(store, after):
    fail("ls", lambda: OSError(errno.EIO, "Input/output error"), after=after)
    with pytest.raises(
        InputError, match=r"cannot look for --input 'faulty://a/\*\*/\*.csv'.*run the same command again"
    ):
        input_files(["faulty://a/**/*.csv"])
    with pytest.raises(InputError, match="cannot look for the sets"):
        files_in("faulty://a", sought="the sets")


def test_a_refusal_is_said_at_once(store):
    met = fail("info", lambda: PermissionError("AccessDenied"))
    with pytest.raises(InputError, match="AccessDenied; check the permissions"):
        input_files(["faulty://a/1.csv"])
    assert len(met) == 1


@pytest.mark.parametrize(
    ("place", "found"), [("a", ["1.csv", "2.csv", "3.csv"]), ("a/*.csv", ["1.csv", "2.csv"]), ("none", [])]
)
def test_files_of_a_folder_a_glob_or_a_path(store, place, found):
    assert [path.rsplit("/", 1)[1] for path in files_in(f"faulty://{place}", sought="them")] == found


def test_what_is_no_file_is_left_out_with_a_word(tmp_path, caplog):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.csv").write_text("")
    (tmp_path / "in/2.csv").symlink_to(tmp_path / "gone.csv")
    os.mkfifo(tmp_path / "in/3.csv")
    for glob in ("in", "in/*.csv"):
        caplog.clear()
        assert sources(str(tmp_path / glob)) == ["1.csv"]
        assert "2.csv: is a link to nothing and left out" in caplog.text
        assert "3.csv: is no file and left out" in caplog.text
    with pytest.raises(InputError, match="no file matches"):
        sources(str(tmp_path / "in/2*.csv"))


def test_a_link_to_a_folder_is_one_and_a_link_that_leads_back_has_an_end(tmp_path):
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "far" / "deep" / "a.csv").write_text("")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.csv").write_text("")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "far")
    (tmp_path / "in" / "itself").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "above").symlink_to(tmp_path)
    assert sources(str(tmp_path / "in")) == ["b.csv", "linked/deep/a.csv"]
    assert sources(str(tmp_path / "in" / "**" / "*.csv")) == ["b.csv", "linked/deep/a.csv"]


def test_a_file_whose_name_looks_like_braces_is_itself(tmp_path):
    for name in ("a{1,2}.csv", "a1.csv"):
        (tmp_path / name).write_text("")
    assert sources(str(tmp_path / "a{1,2}.csv")) == ["a{1,2}.csv"]
    assert sources(str(tmp_path / "{a1,a1}.csv")) == ["a1.csv"]


def test_a_name_that_is_not_utf_8_is_one_line(tmp_path):
    (tmp_path / "good.jsonl").write_text("{}\n")
    (tmp_path / os.fsdecode(b"bad\xff.jsonl")).write_text("{}\n")
    with pytest.raises(InputError, match=r"bad\\udcff\.jsonl: its name is not UTF-8; rename it, or leave it out"):
        input_files([str(tmp_path)])
