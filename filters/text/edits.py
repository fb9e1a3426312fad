"""Edits captions before any rule sees them: mojibake, Unicode form, what the page put around them, personal data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import clean_strings, normalise
from babelsift.filters.strings.unicode_forms import Form
from babelsift.filters.text.encoding_errors import repair_mojibake
from babelsift.filters.text.personal import KINDS, mask_personal_data
from babelsift.filters.text.stripping import strip_filenames, strip_markup, strip_phrases, strip_urls
from babelsift.schemas.recipe import CaptionEdits

# In their order: an escaped tag may hold an address, and a file name may end in a phrase.
_STRIPPING: dict[str, Callable[[pa.Array], pa.LargeStringArray]] = {
    "markup": strip_markup,
    "urls": strip_urls,
    "phrases": strip_phrases,
    "filenames": strip_filenames,
}


def normalise_unicode(captions: pa.Array, *, form: Form) -> pa.LargeStringArray:
    """Returns captions in a Unicode normalisation form.

    Args:
        captions: string[n], nullable.
        form: NFC or NFKC.

    Returns:
        large_string[n], null where the caption is.

    >>> normalise_unicode(pa.array(["ﬁsh", None]), form="NFKC").to_pylist()
    ['fish', None]
    """
    return normalise(clean_strings(captions), form)


def edit_captions(captions: pa.Array, edits: CaptionEdits) -> tuple[pa.LargeStringArray, pa.StringArray]:
    """Returns captions edited by the settings, and the changes of each.

    Mojibake is repaired first, then the form is normalised, then markup, addresses, file names and pages' phrases are
    taken off, then personal data are masked. What is taken off leaves two words at least, or the caption stays as it is
    and the rules decide.

    Args:
        captions: string[n], nullable.
        edits: the recipe's.

    Returns:
        (large_string[n], string[n]): the second names the changes in their order, comma between them
        ("mojibake,NFC,emails"), null where nothing was changed.

    >>> edited, changes = edit_captions(pa.array(["cafÃ©", "a dog"]), CaptionEdits(repair_mojibake=True))
    >>> edited.to_pylist(), changes.to_pylist()
    (['café', 'a dog'], ['mojibake', None])
    """
    edited = clean_strings(captions)
    changes = np.full(len(edited), "", dtype=object)
    for name, step in _steps(edits):
        before, edited = edited, step(edited)
        changed = pc.fill_null(pc.not_equal(before, edited), False).to_numpy(zero_copy_only=False)
        changes[changed] += f",{name}"
    named = [change[1:] or None for change in changes]
    return edited, pa.array(named, pa.string())


def _steps(edits: CaptionEdits) -> Iterator[tuple[str, Callable[[pa.Array], pa.LargeStringArray]]]:
    """Yields the name of each change that the settings ask for, with the function that makes it."""
    if edits.repair_mojibake:
        yield "mojibake", repair_mojibake
    if edits.unicode != "none":
        yield edits.unicode, partial(normalise_unicode, form=edits.unicode)
    for kind, strip in _STRIPPING.items():
        if kind in edits.strip:
            yield kind, strip
    for kind in KINDS:
        if kind in edits.mask:
            yield kind, partial(mask_personal_data, kind=kind)
