"""TDMRep: whether rights are reserved."""

from __future__ import annotations

import pytest

from babelsift.filters.opt_outs import is_tdm_reserved


@pytest.mark.parametrize(
    ("values", "is_reserved"),
    [
        ([], None),
        (["1"], True),
        (["0"], False),
        ([" 1 "], True),
        (['"1"'], True),
        (["1; note"], True),
        (["0", "1"], True),
        (["1, 0"], True),
        (["10"], None),
        (["true"], None),
        ([""], None),
    ],
)
def test_header(values, is_reserved):
    assert is_tdm_reserved(values) is is_reserved
