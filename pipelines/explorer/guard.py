"""Who may ask an explorer what: this machine's own browser, or whoever has the token; and what its pages may load.

Every answer forbids the page any script, style, image and connection but the explorer's own. A request is refused whose
`Host` is not the address that was printed (so that no foreign name can be made to resolve to it), that another site's
page sends, or that lacks the token where there is one.
"""

from __future__ import annotations

import hmac
import ipaddress
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_COOKIE = "babelsift_explorer_{}"  # of a port: browsers tell cookies of two ports of a host apart by name alone
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "font-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


def is_loopback(host: str) -> bool:
    """Returns whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("localhost")
    (True, True, False, True)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def allowed_hosts(host: str, port: int) -> frozenset[str] | None:
    """Returns the values of `Host` under which an explorer is reached; None: any, as it listens on all addresses.

    Args:
        host: that it listens on.
        port: that it listens on.
    """
    if host in ("0.0.0.0", "::"):
        return None
    names = _LOOPBACK_NAMES if is_loopback(host) else (f"[{host}]" if ":" in host else host,)
    return frozenset({f"{name}:{port}" for name in names} | ({*names} if port == 80 else set()))


class Guard:
    """An ASGI application in front of another, which it lets through what is allowed.

    Attributes:
        app: the other.
        hosts: see `allowed_hosts`.
        token: that a browser must have sent once; None: none is asked for.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None, token: str | None = None) -> None:
        self.app, self.hosts, self.token = app, hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        guarded = _with_headers(send)
        answer = self._refusal(scope, Headers(scope=scope)) or self._enter(scope)
        await (answer or self.app)(scope, receive, guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "").lower()
        if self.hosts is not None and host not in self.hosts:
            return PlainTextResponse("this explorer is not reached by that name\n", 421)
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"{scope.get('scheme', 'http')}://{host}":
            return PlainTextResponse("another site asks\n", 403)
        site = headers.get("sec-fetch-site", "none")
        is_visit = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not is_visit:
            return PlainTextResponse("another site asks\n", 403)
        if self.token is not None and not self._is_known(scope, headers):
            return PlainTextResponse("open the address that the command printed: it has a token\n", 401)
        return None

    def _is_known(self, scope: Scope, headers: Headers) -> bool:
        cookie = SimpleCookie(headers.get("cookie", "")).get(_cookie_name(scope))
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        tokens = [
            cookie.value if cookie else "",
            bearer,
            *(_query(scope).get("token", []) if scope["path"] == "/" else []),
        ]
        return any(hmac.compare_digest(token.encode(), (self.token or "").encode()) for token in tokens)

    def _enter(self, scope: Scope) -> RedirectResponse | None:
        """Puts the token of the printed address into a cookie, and takes it out of the address."""
        query = _query(scope)
        if self.token is None or scope["path"] != "/" or "token" not in query:
            return None
        others = {name: values for name, values in query.items() if name != "token"}
        answer = RedirectResponse("/" + (f"?{urlencode(others, doseq=True)}" if others else ""), 303)
        answer.set_cookie(_cookie_name(scope), self.token, httponly=True, samesite="strict")
        return answer


def _cookie_name(scope: Scope) -> str:
    return _COOKIE.format(scope["server"][1])


def _query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope.get("query_string", b"").decode("latin-1"))


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return guarded
