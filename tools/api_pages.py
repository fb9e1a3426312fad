"""Makes the pages of the public API from its docstrings, as HTML: `python -m tools.api_pages FOLDER`, or `make docs`.

Public is what `babelsift` itself has, and what the rooms of `babelsift.filters` give.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import babelsift

_FILTERS = "babelsift.filters"


def write_pages(folder: Path) -> list[str]:
    """Writes the pages; returns what pdoc said against them, nothing where all is well."""
    import pdoc

    # pdoc looks for names without asking the package, which imports them when it is asked first.
    for name in babelsift.__all__:
        setattr(babelsift, name, getattr(babelsift, name))
    rooms = [f"{_FILTERS}.{name}" for name in babelsift.filters.__all__]
    only_these = [f"!{_FILTERS}.{name}." for name in babelsift.filters.__all__]
    pdoc.render.configure(docformat="google", footer_text=f"babelsift {babelsift.__version__}")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        pdoc.pdoc("babelsift", "!babelsift.", _FILTERS, f"!{_FILTERS}.", *rooms, *only_these, output_directory=folder)
    return [str(warning.message) for warning in said if issubclass(warning.category, UserWarning)]


if __name__ == "__main__":
    problems = write_pages(Path(sys.argv[1]))
    print("\n".join([*problems, f"api pages: {sys.argv[1]}/index.html"]))
    sys.exit(bool(problems))
