"""A hub of Hugging Face's kind on loopback: one data set or model, its files, and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import json
import ssl
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote

from tests.support.loopback_server import loopback_server

_COMMIT = "1" * 40


@contextlib.contextmanager
def serving_hub(
    name: str, files: Mapping[str, bytes], *, kind: str = "datasets", context: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serves one of `datasets` or `models` by its name, over https with a context; gives the endpoint."""
    place = f"/{name}" if kind == "models" else f"/{kind}/{name}"
    description = {"id": name, "sha": _COMMIT, "tags": []}
    description["siblings"] = [{"rfilename": path, "size": len(content)} for path, content in files.items()]

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._send(200, b"[]")

        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            if path == place:  # its page, by which one asks whether the hub is there
                self._send(200, b"")
                return
            entry = f"{place}/resolve/{path.removeprefix(place).split('/')[2]}/" if path.startswith(place) else "?"
            if path == f"/api/{kind}/{name}" or path.startswith(f"/api/{kind}/{name}/revision/"):
                self._send(200, json.dumps(description).encode())
            elif path.startswith(f"/api/{kind}/{name}/tree/"):
                folder = path.partition("/tree/")[2].partition("/")[2]
                self._send(200, json.dumps(self._entries(folder.strip("/"))).encode())
            elif path.startswith(entry) and path.removeprefix(entry) in files:
                self._send_file(files[path.removeprefix(entry)])
            else:
                self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

        def _entries(self, folder: str) -> list[dict]:
            prefix = f"{folder}/" if folder else ""
            below = [path for path in files if path.startswith(prefix)]
            folders = {prefix + path.removeprefix(prefix).partition("/")[0] for path in below} - set(files)
            entries: list[dict] = [{"type": "directory", "path": path, "oid": _COMMIT} for path in sorted(folders)]
            own = [path for path in below if "/" not in path.removeprefix(prefix)]
            return entries + [{"type": "file", "path": p, "size": len(files[p]), "oid": _COMMIT} for p in own]

        def _send_file(self, content: bytes) -> None:
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": _COMMIT}
            asked = self.headers.get("Range")
            if asked is None:
                self._send(200, content, headers)
                return
            first, last = asked.removeprefix("bytes=").split("-")
            part = content[int(first) : int(last) + 1 if last else None]
            span = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
            self._send(206, part, {**headers, "Content-Range": span})

        def _send(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for header, value in (headers or {}).items():
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    with loopback_server(Hub, context=context) as endpoint:
        yield endpoint
