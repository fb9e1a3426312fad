"""Transformers as columns: small ones with random weights, loaded as any other."""

import shutil

import numpy as np
import pyarrow as pa
import pytest
import torch

from babelsift.filters.columns import SequenceClassifier
from babelsift.schemas import ModelError
from tests.support.tiny_classifiers import write_celadon, write_classifier, write_multi_head

TEXTS = ["a dog in the park", "", "ein hund", "a cat on the sofa in the park on the sofa", "x " * 60]


@pytest.fixture(scope="module")
def toxic(tmp_path_factory):
    return write_classifier(tmp_path_factory.mktemp("models") / "toxic", ["fine", "toxic", "very toxic"])


def said(folder, texts=TEXTS, **settings):
    return SequenceClassifier(folder, **settings).make(pa.array(texts))


def by_transformers(folder, text):
    """A text's probabilities, as the library's own page shows."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", truncation=True)
    with torch.inference_mode():
        return AutoModelForSequenceClassification.from_pretrained(folder)(**tokens).logits[0].softmax(0).numpy()


def test_probabilities_are_the_librarys_own(toxic):
    made = said(toxic, labels="all")
    assert made.schema.names == ["fine", "toxic", "very_toxic", "error"]
    for row, text in enumerate(TEXTS):
        ours = [made.column(name)[row].as_py() for name in made.schema.names[:3]]
        np.testing.assert_allclose(ours, by_transformers(toxic, text), atol=1e-5)


def test_the_best_label_and_a_label_alone(toxic):
    everything, best, one = said(toxic, labels="all"), said(toxic), said(toxic, label="very toxic")
    assert one.column("").to_pylist() == everything.column("very_toxic").to_pylist()
    shares = np.array([everything.column(name).to_pylist() for name in ("fine", "toxic", "very_toxic")])
    assert best.column("").to_pylist() == [("fine", "toxic", "very toxic")[row] for row in shares.argmax(axis=0)]
    np.testing.assert_array_equal(np.array(best.column("score")), shares.max(axis=0).astype(np.float32))


def test_a_texts_value_does_not_depend_on_the_texts_beside_it(toxic):
    whole = said(toxic, TEXTS * 20, labels="all")
    for row, text in enumerate(TEXTS):
        assert said(toxic, [text], labels="all").to_pylist()[0] == whole.to_pylist()[row]


def test_several_labels_at_once_are_no_shares_of_one(tmp_path):
    folder = write_classifier(tmp_path / "m", ["race", "gender"], problem_type="multi_label_classification")
    made = said(folder, labels="all")
    sums = np.array(made.column("race")) + np.array(made.column("gender"))
    assert np.abs(sums - 1).max() > 0.01


def test_one_label_is_a_number_as_it_is(tmp_path):
    made = said(write_classifier(tmp_path / "m", ["quality"]))
    assert made.schema.names == ["", "error"]
    assert any(not 0 <= value <= 1 for value in made.column("").to_pylist())


def test_several_heads_are_a_column_each(tmp_path):
    folder = write_multi_head(tmp_path / "m", 5)
    names = ("race", "gender", "religion", "ability", "violence")
    made = said(folder, heads=names)
    assert made.schema.names == [*names, "total", "error"]
    totals = np.sum([made.column(name) for name in names], axis=0)
    assert made.column("total").to_pylist() == totals.tolist()
    assert {value for name in names for value in made.column(name).to_pylist()} <= {0, 1, 2, 3}
    assert len({tuple(row.values()) for row in made.to_pylist()}) > 1
    with pytest.raises(ModelError, match="has 5 heads, 2 are named"):
        SequenceClassifier(folder, heads=("a", "b")).load()


def by_its_own_class(folder, text):
    """Each head's class, as the code that Celadon was trained and is used with has it."""
    from transformers import AutoTokenizer, DebertaV2Model, DebertaV2PreTrainedModel

    class MultiHead(DebertaV2PreTrainedModel):
        def __init__(self, config):
            super().__init__(config)
            self.deberta = DebertaV2Model(config)
            self.heads = torch.nn.ModuleList([torch.nn.Linear(config.hidden_size, 4) for _ in range(5)])
            self.post_init()

        def forward(self, input_ids, attention_mask):
            states = self.deberta(input_ids=input_ids, attention_mask=attention_mask)[0]
            return torch.stack([head(states[:, 0, :]) for head in self.heads], dim=1)

    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", truncation=True, max_length=512)
    with torch.inference_mode():
        logits = MultiHead.from_pretrained(folder).eval()(tokens["input_ids"], tokens["attention_mask"])
    return logits.argmax(dim=2)[0].tolist()


def test_celadons_files_give_what_its_own_code_gives(tmp_path):
    folder = write_celadon(tmp_path / "celadon")
    names = ("race", "gender", "religion", "ability", "violence")
    texts = [*TEXTS, "a dog " * 900, "a\n\ncat"]
    made = said(folder, texts, heads=names)
    ours = list(zip(*(made.column(name).to_pylist() for name in names), strict=True))
    assert ours == [tuple(by_its_own_class(folder, text)) for text in texts]
    assert len(set(ours)) > 2


def test_a_tokenizer_that_cannot_be_read_is_one_line_with_the_remedy(tmp_path):
    folder = write_celadon(tmp_path / "celadon")
    (tmp_path / "celadon" / "spm.model").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"its tokenizer is one of sentencepiece: run: pip install"):
        SequenceClassifier(folder, heads=("a", "b", "c", "d", "e")).load()


def test_fingerprints_are_of_the_files_whatever_folder_they_are_in(toxic, tmp_path):
    moved = shutil.copytree(toxic, tmp_path / "moved")
    assert SequenceClassifier(str(moved)).fingerprint == SequenceClassifier(toxic).fingerprint
    other = write_classifier(tmp_path / "other", ["fine", "toxic", "very toxic"], seed=2)
    assert SequenceClassifier(other).fingerprint != SequenceClassifier(toxic).fingerprint


def test_a_model_without_a_classifier_is_refused(toxic, tmp_path):
    from transformers import BertModel

    folder = tmp_path / "base"
    shutil.copytree(toxic, folder)
    BertModel.from_pretrained(toxic).save_pretrained(folder)
    with pytest.raises(ModelError, match=r"is no classifier: classifier.\w+ is missing from its weights"):
        SequenceClassifier(str(folder)).load()


def test_faults_are_one_line(toxic, tmp_path):
    with pytest.raises(ModelError, match=r"column 'toxic': .* has no label 'toxc'; did you mean 'toxic'"):
        SequenceClassifier(toxic, label="toxc", column="toxic")
    with pytest.raises(ModelError, match="is no folder here"):
        SequenceClassifier(str(tmp_path / "gone"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"is no model folder: config\.json"):
        SequenceClassifier(str(tmp_path / "empty"))
