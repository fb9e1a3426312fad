import pytest

from tests.support.quick_beam import quick_beam


@pytest.fixture(scope="session", autouse=True)
def beam_is_quick():
    with quick_beam():
        yield
