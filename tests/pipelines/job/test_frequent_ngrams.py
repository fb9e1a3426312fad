import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.cli.main import main

CAPTIONS = ["a red car", "a red house", "a blue car", "雪地里的狗"]


def test_the_command_writes_the_most_frequent_ngrams(tmp_path):
    for part in range(2):
        pq.write_table(
            pa.table({"url": [f"http://x/{part}{i}" for i in range(2)], "caption": CAPTIONS[2 * part : 2 * part + 2]}),
            tmp_path / f"{part}.parquet",
        )
    output = tmp_path / "vocabulary.txt"
    assert main(["ngrams", "--input", str(tmp_path / "*.parquet"), "--output", str(output), "--most", "4"]) == 0
    assert output.read_text(encoding="utf-8") == "a\t3\na red\t2\ncar\t2\nred\t2\n"


def test_a_missing_input_is_one_clear_line(tmp_path, capsys):
    assert main(["ngrams", "--input", str(tmp_path / "none*.parquet"), "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("babelsift: no file matches --input")
