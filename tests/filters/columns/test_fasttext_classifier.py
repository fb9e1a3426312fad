"""fastText classifiers as columns, by the language model that ships: a classifier as any other."""

import pyarrow as pa
import pytest

from babelsift.filters.columns import FastTextClassifier
from babelsift.filters.language.model_file import shipped_model
from babelsift.schemas import ModelError

TEXTS = pa.array(["ein Hund läuft über die Wiese", "a dog runs\nover the meadow", ""])


def test_the_best_label_with_its_probability():
    made = FastTextClassifier(shipped_model()).make(TEXTS)
    assert made.schema.names == ["", "score", "error"]
    assert made.column("").to_pylist()[:2] == ["de", "en"]
    assert all(0.3 < score <= 1.0001 for score in made.column("score").to_pylist()[:2])


def test_a_label_is_its_probability():
    best = FastTextClassifier(shipped_model()).make(TEXTS)
    german = FastTextClassifier(shipped_model(), label="de").make(TEXTS)
    assert german.column(0)[0] == best.column("score")[0]
    assert german.column(0)[1].as_py() < 0.1


def test_all_labels_are_a_column_each():
    maker = FastTextClassifier(shipped_model(), labels="all")
    made = maker.make(TEXTS[:1])
    assert len(maker.fields) == 176
    assert made.column("de")[0].as_py() == pytest.approx(
        FastTextClassifier(shipped_model(), label="de").make(TEXTS[:1]).column(0)[0].as_py()
    )
    assert sum(column[0].as_py() or 0 for column in made.columns[:-1]) == pytest.approx(1, abs=0.02)


def test_fingerprints_are_of_the_file_and_of_what_is_asked():
    makers = [FastTextClassifier(shipped_model(), label=label) for label in ("de", "de", "en", None)]
    fingerprints = [maker.fingerprint for maker in makers]
    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 3


def test_faults_are_one_line_with_the_column(tmp_path):
    with pytest.raises(ModelError, match=r"column 'toxic'.* no label 'germn'"):
        FastTextClassifier(shipped_model(), label="germn", column="toxic")
    with pytest.raises(ModelError, match=r"cannot read the fastText model .*set column 'toxic': model"):
        FastTextClassifier(str(tmp_path / "gone.bin"), column="toxic")
    (tmp_path / "no.bin").write_bytes(b"no model" * 20)
    with pytest.raises(ModelError, match="is not a fastText model"):
        FastTextClassifier(str(tmp_path / "no.bin"))
