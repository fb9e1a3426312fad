"""Patterns of paths: the longest decides, and of two that say different things the one that forbids."""

from __future__ import annotations

import pytest

from babelsift.filters.opt_outs import PathRules


@pytest.mark.parametrize(
    ("rules", "path", "forbids"),
    [
        ([], "/a.jpg", False),
        ([("/", True)], "/a.jpg", True),
        ([("/", False)], "/a.jpg", False),
        ([("/b/", True)], "/a.jpg", False),
        ([("/", True), ("/b/", False)], "/b/a.jpg", False),
        ([("/b", True), ("/b", False)], "/b/a.jpg", True),
        ([("*.jpg", True)], "/b/a.jpg?size=1", True),
        ([(".jpg", True)], "/b/a.jpg", True),
        ([("/a$", True)], "/a.jpg", False),
        ([("/%C3%BC/", True)], "/ü/a.jpg", True),
        ([("/a\nAllow: /", True)], "/a.jpg", False),
    ],
)
def test_forbid(rules, path, forbids):
    assert PathRules(rules).forbid(f"https://a.example{path}") == forbids


def test_patterns_that_would_take_long():
    assert not PathRules([("/" + "*a" * 20_000 + "b", True)] * 10).forbid("https://a.example/" + "a" * 2000)
