"""Content-Usage and Content-Signal in robots.txt: groups, paths, and lines that make no sense."""

from __future__ import annotations

import pytest
from protego import Protego

from babelsift.filters.opt_outs import CONTENT_SIGNAL, CONTENT_USAGE, parse_robots_groups, plain_robots_txt

CLOUDFLARE = """# As a condition of accessing this website ... ai-train=no
User-agent: *
Content-Signal: search=yes,ai-train=no
Allow: /

User-agent: GPTBot
Disallow: /
"""


@pytest.mark.parametrize(
    ("text", "path", "forbids"),
    [
        ("", "/a.jpg", False),
        ("User-agent: *\nContent-Usage: train-ai=n", "/a.jpg", True),
        ("User-Agent: *\r\ncontent-usage : Train-AI=N # all of it\r\n", "/a.jpg", True),
        ("User-agent: *\rContent-Usage: train-ai=n", "/a.jpg", True),
        ("\ufeffUser-agent: *\nContent-Usage: train-ai=n", "/a.jpg", True),
        ("User-agent: *\nContent-Usage: /b/ train-ai=n", "/a.jpg", False),
        ("User-agent: *\nContent-Usage: /b/ train-ai=n", "/b/a.jpg", True),
        ("User-agent: *\nContent-Usage: *.jpg$ train-ai=n", "/b/a.jpg", True),
        ("User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /b/ train-ai=y", "/b/a.jpg", False),
        ("User-agent: *\nContent-Usage: train-ai=y\nContent-Usage: /b/ train-ai=n", "/b/a.jpg", True),
        # contradictory
        ("User-agent: *\nContent-Usage: train-ai=y\nContent-Usage: train-ai=n", "/a.jpg", True),
        ("User-agent: *\nContent-Usage: /b train-ai=n\nContent-Usage: /b train-ai=y", "/b", True),
        # whom it means
        ("User-agent: ourbot\nContent-Usage: train-ai=n", "/a.jpg", True),
        ("User-agent: OurBot/1.0\nContent-Usage: train-ai=n", "/a.jpg", True),
        ("User-agent: otherbot\nContent-Usage: train-ai=n", "/a.jpg", False),
        ("User-agent: otherbot\nUser-agent: ourbot\nContent-Usage: train-ai=n", "/a.jpg", True),
        ("User-agent: otherbot\nDisallow:\nUser-agent: ourbot\nContent-Usage: train-ai=n", "/a.jpg", True),
        ("User-agent: ourbot\nContent-Usage: train-ai=n\nUser-agent: otherbot\nDisallow:", "/a.jpg", True),
        ("User-agent: *\nContent-Usage: train-ai=n\n\nUser-agent: ourbot\nAllow: /", "/a.jpg", False),
        ("Content-Usage: train-ai=n\nUser-agent: ourbot\nAllow: /", "/a.jpg", True),
        # no sense
        ("User-agent: *\nContent-Usage: perhaps", "/a.jpg", False),
        ("User-agent: *\nContent-Usage:", "/a.jpg", False),
        ("User-agent: *\nContent-Usage: /a.jpg", "/a.jpg", False),
        ("User-agent: *\nContent-Usage train-ai=n", "/a.jpg", False),
        ("User-agent: *\n# Content-Usage: train-ai=n", "/a.jpg", False),
        ("User-agent: *\nContent-Usage: search=n", "/a.jpg", False),
    ],
)
def test_content_usage(text, path, forbids):
    rules = parse_robots_groups(text).preferences(CONTENT_USAGE, "OurBot")
    assert rules.forbid(f"https://a.example{path}") == forbids


def test_content_signal_as_cloudflare_writes_it():
    groups = parse_robots_groups(CLOUDFLARE)
    assert groups.tokens == {"*", "gptbot"}
    assert groups.preferences(CONTENT_SIGNAL, "ourbot").forbid("https://a.example/")
    assert not groups.preferences(CONTENT_SIGNAL, "gptbot").forbid("https://a.example/")
    assert not groups.preferences(CONTENT_USAGE, "ourbot").forbid("https://a.example/")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfUser-agent: *\nDisallow: /",
        b"\xef\xbb\xbf\xef\xbb\xbfUser-agent: *\r\nDisallow: /",
        b"User-agent: ourbot/2.0\nDisallow: /",
        b"user-agent : OurBot/2.0 (+https://a.example)\nDisallow: /",
        b"Disallow: /",
        b"# nobody is named\n\nDisallow: /\nUser-agent: otherbot\nDisallow: /private/",
    ],
)
def test_what_an_owner_means_is_what_a_strict_parser_reads(content):
    assert not Protego.parse(plain_robots_txt(content)).can_fetch("https://a.example/x.jpg", "ourbot")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xef\xbb\xbf", b"Allow: /", b"Sitemap: /s.xml\nUser-agent: otherbot/1.0\nDisallow: /", b"\xff\xfe"],
)
def test_what_permits_still_permits(content):
    assert Protego.parse(plain_robots_txt(content)).can_fetch("https://a.example/x.jpg", "ourbot")
