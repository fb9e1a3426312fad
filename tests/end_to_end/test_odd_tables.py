"""Tables as other people write them, through the command line: what is read, and the one line where it cannot be."""

import json
import tarfile

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import zstandard

from babelsift.pipelines.cli.main import main
from tests.support.faulty_filesystem import fail, faulty_files, recover
from tests.support.hostile_web import answer, encoded, photo

RECIPE = """
name: odd
download: {allow_addresses: [127.0.0.0/8], ports: null, image_size: 32}
dedup_images: {exact: false}
dedup_pairs: {by: url_and_caption}
"""


class Curator:
    """Runs `babelsift curate` on tables of one folder, into one run folder."""

    def __init__(self, home, web, capsys):
        self.home, self.web, self._capsys = home, web, capsys
        (home / "odd.yaml").write_text(RECIPE)

    def urls(self, count, first=0):
        return [self.web.url(f"/{number}.jpg") for number in range(first, first + count)]

    def run(self, *inputs, recipe="", out="out", options=()):
        """(exit code, last line on standard error)"""
        (self.home / "run.yaml").write_text(RECIPE + recipe)
        arguments = ["curate", "--recipe", str(self.home / "run.yaml"), "--output", str(self.home / out), *options]
        for path in inputs:
            arguments += ["--input", path if "://" in path else str(self.home / path)]
        code = main(arguments)
        said = self._capsys.readouterr().err.strip()
        assert "Traceback" not in said
        return code, said.splitlines()[-1] if said else ""

    def samples(self, out="out"):
        """The json of every sample, by row of the input."""
        found = {}
        for path in sorted((self.home / out / "shards").glob("*.tar")):
            with tarfile.open(path) as tar:
                for member in tar:
                    if member.name.endswith(".json"):
                        row = json.load(tar.extractfile(member))
                        found[(row["source_file"], row["source_row"])] = row
        return [found[key] for key in sorted(found)]

    def funnel(self, out="out"):
        funnel = json.loads((self.home / out / "funnel.json").read_text())
        return funnel["input_rows"], funnel["kept_rows"]

    def product(self, out="out"):
        names = [path for folder in ("shards", "rejects") for path in sorted((self.home / out / folder).glob("*"))]
        return {str(path.relative_to(self.home / out)): path.read_bytes() for path in names}


@pytest.fixture
def curator(tmp_path, hostile_web, capsys):
    hostile_web.on_any(answer(encoded(photo(1, (64, 48)))))
    return Curator(tmp_path, hostile_web, capsys)


def captions(count):
    return [f"the small dog number {number}" for number in range(count)]


def test_quotes_in_a_file_that_does_not_quote_lose_no_row(curator):
    rows = [f"{caption}\t{url}" for caption, url in zip(captions(30), curator.urls(30), strict=True)]
    rows[5], rows[20] = f'"Best of 2020 in one picture\t{curator.urls(6)[5]}', f'the 55" one"\t{curator.urls(21)[20]}'
    (curator.home / "a.tsv").write_text("caption\turl\n" + "\n".join(rows) + "\n")
    assert curator.run("a.tsv")[0] == 0
    assert curator.funnel() == (30, 30)
    assert curator.samples()[5]["caption"] == '"Best of 2020 in one picture'


def test_files_without_a_header_are_read_as_published(curator):
    pairs = list(zip(captions(4), curator.urls(4), strict=True))
    (curator.home / "cc3m.tsv").write_text("".join(f"{caption}\t{url}\n" for caption, url in pairs))
    others = list(zip(captions(4), curator.urls(8)[4:], strict=True))
    (curator.home / "cc12m.tsv").write_text("".join(f"{url}\t{caption} again\n" for caption, url in others))
    (curator.home / "ids.csv").write_text("".join(f"{url},7,{caption} thrice\n" for caption, url in pairs))
    assert curator.run("cc*.tsv")[0] == 0
    assert [row["caption"] for row in curator.samples()] == [f"{c} again" for c in captions(4)] + captions(4)
    code, line = curator.run("ids.csv", out="other")
    assert (code, "its first row has a URL in it, so there is no header" in line) == (2, True)
    assert curator.run("ids.csv", out="other", options=["--columns", "url=1,caption=3"])[0] == 0
    assert curator.funnel("other") == (4, 4)
    assert curator.samples("other")[0]["column_2"] == "7"
    code, line = curator.run("ids.csv", options=["--columns", "url=1", "--url-col", "x"])
    assert (code, "leave out --url-col" in line) == (2, True)


def test_values_that_python_cannot_hold_are_kept_as_text(curator):
    table = {
        "Url": curator.urls(2),
        " Caption": captions(2),
        "at": pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns")),
        "day": pa.array([3_000_000, 0], pa.date32()),
        "took": pa.array([1_500_000, None], pa.duration("ns")),
        "tags": pa.ListArray.from_arrays([0, 1, 2], pa.array([b"\xff", b"ok"]).view(pa.string())),
        "view": pa.array(["a", None]).cast(pa.string_view()),
        "hash": pa.array([2**63 + 1, 2**64 - 1], pa.uint64()),
    }
    pq.write_table(pa.table(table), curator.home / "a.parquet")
    assert curator.run("a.parquet")[0] == 0
    first, second = curator.samples()
    names = ["at", "day", "took", "tags", "view", "hash"]
    assert [first[name] for name in names] == [
        *("2023-11-14 22:13:20.123456789", "10183-09-21", "0.0015 s"),
        *(["\ufffd"], "a", 2**63 + 1),
    ]
    assert [second[name] for name in names] == [None, "1970-01-01", None, ["ok"], None, 2**64 - 1]


@pytest.mark.slow
def test_shards_of_ours_are_input_again_and_again(curator):
    pq.write_table(
        pa.table({"uid": ["7" * 32] * 3, "url": curator.urls(3), "text": captions(3)}), curator.home / "a.parquet"
    )
    source = "a.parquet"
    for number in range(3):
        assert curator.run(source, out=f"out{number}")[0] == 0
        assert curator.funnel(f"out{number}") == (3, 3)
        source = f"out{number}/shards/*.parquet"
    assert {row["input_uid"] for row in curator.samples("out2")} == {"7" * 32}
    assert set(curator.samples("out2")[0]) == set(curator.samples("out1")[0])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.jsonl.zst",
            zstandard.compress(b'{"url": "http://x/1", "caption": "a dog"}\n' * 9)[:-4],
            "zstd frame is cut",
        ),
        ("a.jsonl.zst", b'{"url": "http://x/1", "caption": "a dog"}\n', "not readable as jsonl: zstd"),
        ("a.parquet", b"PAR1 no PAR1", "a.parquet: not readable as parquet"),
        ("a.jsonl", b"", "a.jsonl: is empty"),
        ("a.csv", b"url,caption,caption\nhttp://x/1,a,b\n", "columns 2 and 3 are both named 'caption'"),
        ("a.json", b'{\n"url": "http://x/1",\n"caption": "a"\n}\n', "none of its first 4 rows is a JSON object"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_before_the_run(curator, name, content, message):
    (curator.home / name).write_bytes(content)
    code, line = curator.run(name)
    assert (code, message in line) == (2, True)
    assert str(curator.home / name) in line
    assert not (curator.home / "out" / "funnel.json").exists()


@pytest.mark.slow
def test_too_many_unreadable_rows_stop_the_run_and_touch_nothing(curator):
    good = [f"{url},{caption}" for url, caption in zip(curator.urls(90), captions(90), strict=True)]
    (curator.home / "a.csv").write_text("url,caption\n" + "\n".join(good) + "\n")
    assert curator.run("a.csv")[0] == 0
    before = curator.product()
    (curator.home / "a.csv").write_text("url,caption\n" + "\n".join(good + ["a,b,c"] * 11) + "\n")
    code, line = curator.run("a.csv")
    assert (code, "11% of 101 rows cannot be read (the first: 3 fields where the header has 2)" in line) == (2, True)
    assert "read.max_unreadable_rate (0.1)" in line
    assert curator.product() == before
    assert curator.run("a.csv", recipe="read: {max_unreadable_rate: 0.2}")[0] == 0
    assert curator.funnel() == (101, 90)


def test_the_same_table_gives_the_same_bytes_wherever_it_lies(curator):
    twice = [("http://127.0.0.1:1/a.jpg", "a dog on a sofa")] * 2
    pairs = [*zip(curator.urls(8), captions(8), strict=True)] * 2 + twice
    for folder in ("here", "there/much/deeper"):
        (curator.home / folder).mkdir(parents=True)
        for number, part in enumerate((pairs[:9], pairs[9:])):
            pq.write_table(
                pa.table({"url": [url for url, _ in part], "caption": [caption for _, caption in part]}),
                curator.home / folder / f"part-{number}.parquet",
            )
    assert curator.run("here/*.parquet", out="one")[0] == 0
    assert curator.run("there/much/deeper/part-?.parquet", out="two")[0] == 0
    assert curator.product("one") == curator.product("two")
    assert {row["source_file"] for row in curator.samples("one")} <= {"part-0.parquet", "part-1.parquet"}
    assert curator.funnel("one") == (18, 8)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_an_outage_of_the_input_stops_the_run_and_touches_nothing(curator, monkeypatch, suffix):
    table = pa.table({"url": curator.urls(4), "caption": captions(4)})
    sink = pa.BufferOutputStream()
    (pa.csv.write_csv if suffix == "csv" else pq.write_table)(table, sink)
    monkeypatch.setenv("BABELSIFT_STORAGE_PATIENCE_S", "0")
    with faulty_files({f"/in/a.{suffix}": sink.getvalue().to_pybytes()}):
        assert curator.run(f"faulty://in/*.{suffix}")[0] == 0
        before = curator.product()
        # But for listing, once the plan is made: the workers meet it.
        for operation, after in {"read": 1, "open": 1, "info": 3, "ls": 0}.items():
            met = fail(operation, lambda: OSError(5, "Input/output error"), after=after)
            code, line = curator.run(f"faulty://in/*.{suffix}")
            recover()
            assert met, operation
            assert code == 2, operation
            assert "Input/output error; run the same command again" in line
            assert curator.product() == before


def test_an_outage_that_passes_changes_nothing(curator, monkeypatch):
    monkeypatch.setenv("BABELSIFT_STORAGE_PATIENCE_S", "0")
    lines = "".join(f"{url},{caption}\n" for url, caption in zip(curator.urls(4), captions(4), strict=True))
    with faulty_files({"/in/a.csv": b"url,caption\n" + lines.encode()}):
        for operation in ("info", "ls", "open", "read"):
            fail(operation, lambda: OSError(5, "Input/output error"), times=2)
        code, line = curator.run("faulty://in/*.csv")
        assert code == 0, line
    assert curator.funnel() == (4, 4)


def test_credentials_never_leave_the_command_line(curator):
    lines = "".join(f"{url},{caption}\n" for url, caption in zip(curator.urls(3), captions(3), strict=True))
    table = b"url,caption\n" + lines.encode() + b"broken\n"
    curator.web.on("/t/a.csv?part=1&X-Amz-Signature=s3cr3t", answer(table))
    private = curator.web.url("/t/a.csv?part=1&X-Amz-Signature=s3cr3t").replace("http://", "http://ann:s3cr3t@")
    code, line = curator.run(private)
    assert code == 0, line
    assert curator.funnel() == (4, 3)
    assert {row["source_file"] for row in curator.samples()} == {"a.csv?part=1"}
    leaks = [
        path
        for path in (curator.home / "out").rglob("*")
        if path.is_file() and (b"s3cr3t" in path.read_bytes() or b"ann:" in path.read_bytes())
    ]
    assert leaks == []
    for path in (
        *(curator.home / "out" / "rejects").glob("*.parquet"),
        *(curator.home / "out" / "shards").glob("*.parquet"),
    ):
        assert set(pq.read_table(path).column("source_file").to_pylist()) == {"a.csv?part=1"}
    code, line = curator.run(private.replace("/t/a.csv", "/t/none.csv"), out="other")
    assert "s3cr3t" not in line
