from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.hostile_web import HostileWeb

# The repository's root is on the path, for `tests` and `benchmarks`; the folders in it have one name, in `babelsift`.
for folder in ("filters", "pipelines", "schemas"):
    sys.modules[folder] = None

# A property is true or false however busy the machine is; a hang is pytest-timeout's affair.
settings.register_profile("babelsift", deadline=None)
settings.load_profile("babelsift")


@pytest.fixture
def hostile_web() -> Iterator[HostileWeb]:
    with HostileWeb() as web:
        yield web


@pytest.fixture
def hostile_tls_web() -> Iterator[HostileWeb]:
    with HostileWeb(tls=True) as web:
        yield web
