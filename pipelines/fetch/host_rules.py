"""What a host's files say of its URLs: robots.txt as RFC 9309 says, tdmrep.json and ai.txt; asked once a host."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from protego import Protego
from yarl import URL

from babelsift.filters.opt_outs import (
    CONTENT_SIGNAL,
    CONTENT_USAGE,
    PathRules,
    RobotsGroups,
    parse_robots_groups,
    parse_tdmrep,
    plain_robots_txt,
)
from babelsift.pipelines.fetch.failure import FetchFailureError
from babelsift.pipelines.fetch.opt_outs import OUR_TOKEN
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings

MAX_FILE_BYTES = 512_000  # RFC 9309 wants at least 500 KiB of robots.txt to be parsed
_HOSTS = 10_000
_ROBOTS, _TDMREP, _AI_TXT = "/robots.txt", "/.well-known/tdmrep.json", "/ai.txt"

# (HTTP status, body as far as MAX_FILE_BYTES) of a URL and how often to try again; raises FetchFailureError.
GetFile = Callable[[URL, int], Awaitable[tuple[int, bytes]]]
# Why a URL is not to be fetched: (the reason, what says so); None where it may be.
_Rule = Callable[[str], tuple[RejectReason, str] | None]
_Verdict = list[_Rule] | FetchFailureError


def asks_hosts(settings: DownloadSettings) -> bool:
    """Returns whether the settings want any file of a host."""
    return settings.robots_txt or settings.opt_outs.tdmrep_json or settings.opt_outs.ai_txt


class HostRules:
    """What the files of hosts say to us; for use within one event loop.

    A host's files are asked for once in the life of this object, by whoever comes first, while the others wait.

    Args:
        get: fetches a file.
        settings: which files are asked for, and which of what they say is heard.
    """

    def __init__(self, get: GetFile, settings: DownloadSettings) -> None:
        self._get = get
        self._settings = settings
        self._token = settings.user_agent_token or OUR_TOKEN
        self._hosts: OrderedDict[str, asyncio.Task[_Verdict]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hosts)

    async def check(self, url: URL) -> None:
        """Returns where the URL may be fetched.

        Raises:
            FetchFailureError: the reason by which a file of the host forbids it; ROBOTS_DISALLOWED where its server's
                errors do; the reason why its robots.txt cannot be had, where the host does not answer at all.
        """
        origin = str(url.origin())
        task = self._hosts.get(origin)
        if task is None:
            task = self._hosts[origin] = asyncio.ensure_future(self._rules(url.origin()))
            while len(self._hosts) > _HOSTS and next(iter(self._hosts.values())).done():
                self._hosts.popitem(last=False)
        verdict = await asyncio.shield(task)  # who waits may give up; the others still want to know
        if isinstance(verdict, FetchFailureError):
            raise FetchFailureError(verdict.reason, verdict.detail)
        for rule in verdict:
            if (forbidden := rule(str(url))) is not None:
                reason, detail = forbidden
                raise FetchFailureError(reason, f"{detail} of {url.host}")

    def close(self) -> None:
        """Ends what is under way."""
        for task in self._hosts.values():
            task.cancel()

    async def _rules(self, origin: URL) -> _Verdict:
        heard = self._settings.opt_outs
        rules: list[_Rule] = []
        if self._settings.robots_txt:
            robots = await self._robots_rules(origin)
            if isinstance(robots, FetchFailureError):
                return robots
            rules += robots
        tdmrep, ai_txt = await asyncio.gather(
            self._file_or_nothing(origin.with_path(_TDMREP), heard.tdmrep_json),
            self._file_or_nothing(origin.with_path(_AI_TXT), heard.ai_txt),
        )
        if tdmrep:
            rules.append(_path_rule(parse_tdmrep(tdmrep), RejectReason.TDMREP_RESERVED, "tdmrep.json"))
        if ai_txt:  # lines as in robots.txt, of patterns that need not begin with a slash
            rules.append(_protego_rule(_parsed(ai_txt), self._token, RejectReason.AI_TXT_DISALLOWED, "ai.txt"))
        return rules

    async def _robots_rules(self, origin: URL) -> _Verdict:
        """What the host's robots.txt says; nothing where there is none, which allows everything."""
        try:
            status, body = await self._get(origin.with_path(_ROBOTS), self._settings.retries)
        except FetchFailureError as failure:
            if failure.reason is RejectReason.TOO_MANY_REDIRECTS:
                return []  # the file is "unavailable": everything is allowed
            return FetchFailureError(failure.reason, f"robots.txt: {failure.detail}")
        if status >= 500:
            return FetchFailureError(RejectReason.ROBOTS_DISALLOWED, f"robots.txt answered {status}")
        return self._said_by_robots(body) if 200 <= status < 300 else []

    def _said_by_robots(self, body: bytes) -> list[_Rule]:
        heard, parsed = self._settings.opt_outs, _parsed(body)
        groups = parse_robots_groups(body.decode("utf-8", errors="replace"))
        rules = [_protego_rule(parsed, self._token, RejectReason.ROBOTS_DISALLOWED, "robots.txt")]
        if heard.content_usage:
            preferences = groups.preferences(CONTENT_USAGE, self._token)
            rules.append(_path_rule(preferences, RejectReason.CONTENT_USAGE_OPT_OUT, "Content-Usage in robots.txt"))
        if heard.content_signal:
            preferences = groups.preferences(CONTENT_SIGNAL, self._token)
            rules.append(_path_rule(preferences, RejectReason.CONTENT_SIGNAL_OPT_OUT, "Content-Signal in robots.txt"))
        return [*rules, *_crawler_rules(parsed, groups, self._token, heard.training_crawlers)]

    async def _file_or_nothing(self, url: URL, is_heard: bool) -> bytes:
        """A file that a host may have; whatever else it answers, or does not, says nothing."""
        if not is_heard:
            return b""
        try:
            status, body = await self._get(url, 0)
        except FetchFailureError:
            return b""
        return body if 200 <= status < 300 else b""


def _parsed(content: bytes) -> Protego:
    return Protego.parse(plain_robots_txt(content))


def _protego_rule(parsed: Protego, token: str, reason: RejectReason, detail: str) -> _Rule:
    return lambda url: None if parsed.can_fetch(url, token) else (reason, detail)


def _path_rule(rules: PathRules, reason: RejectReason, detail: str) -> _Rule:
    return lambda url: (reason, detail) if rules.forbid(url) else None


def _crawler_rules(parsed: Protego, groups: RobotsGroups, token: str, crawlers: tuple[str, ...]) -> list[_Rule]:
    """What a host says to crawlers that gather for training, where it says nothing to us by name."""
    if token.lower() in groups.tokens:
        return []
    named = [crawler for crawler in crawlers if crawler.lower() in groups.tokens]
    reason = RejectReason.TRAINING_CRAWLER_DISALLOWED
    return [_protego_rule(parsed, crawler, reason, f"{crawler} in robots.txt") for crawler in named]
