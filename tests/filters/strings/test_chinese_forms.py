import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.strings import han_forms


@pytest.mark.parametrize(
    ("caption", "form"),
    [
        ("红色连衣裙女装夏季新款", "Hans"),
        ("紅色連衣裙女裝夏季新款", "Hant"),
        ("iPhone 15 手机壳", "Hans"),
        ("iPhone 15 手機殼", "Hant"),
        ("北京故宫太和殿", "Hans"),
        ("台北故宮博物院", "Hant"),
        ("山水花木", None),
        ("皇后 公里 天台", None),
        ("a dog", None),
        ("", None),
        (None, None),
    ],
)
def test_characters_that_one_orthography_alone_has_tell_it(caption, form):
    assert han_forms(pa.array([caption], pa.string())).to_pylist() == [form]


def test_the_majority_decides_and_a_tie_tells_nothing():
    assert han_forms(pa.array(["国国國", "國國国", "国國"])).to_pylist() == ["Hans", "Hant", None]


@given(st.lists(st.one_of(st.none(), st.text(max_size=12)), max_size=6), st.integers(0, 6))
@settings(deadline=None, max_examples=50)
def test_rows_are_told_independently(rows, cut):
    def found(part):
        return han_forms(pa.array(part, pa.string())).to_pylist()

    assert found(rows) == found(rows[:cut]) + found(rows[cut:])
