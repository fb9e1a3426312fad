"""What makes columns: models of texts and images that ship, behind one interface; needs no Beam.

maker                  the interface: what a column's maker is, and how what it returns becomes columns
fasttext_classifier    any fastText classifier by file
sequence_classifier    any sequence classifier of transformers, by name or folder
image_measures         measures of pixels, QR codes
image_text             the text that an image shows, and how much of a caption it repeats
masked_similarity      how well a caption fits an image once its text is painted over
documents              passports, cards, mails and curricula vitae, by the text that an image shows
faces                  how many faces there are, and where
onnx_classifier        any image classifier by file
"""

from babelsift.filters.columns.fasttext_classifier import FastTextClassifier
from babelsift.filters.columns.maker import ColumnMaker, FunctionMaker, as_columns, fingerprint_of
from babelsift.filters.columns.sequence_classifier import SequenceClassifier

__all__ = [
    "ColumnMaker",
    "FastTextClassifier",
    "FunctionMaker",
    "SequenceClassifier",
    "as_columns",
    "fingerprint_of",
]
