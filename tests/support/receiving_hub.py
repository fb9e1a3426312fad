"""A hub of Hugging Face's kind on loopback that takes what is pushed: it keeps the commits, and refuses as it is told to."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.loopback_server import loopback_server

TOKEN = "hf_test"


@dataclass
class ReceivingHub:
    """What a hub has received.

    Attributes:
        endpoint: its URL. files: path -> content, of commits. commits: the paths of each.
        stored: digest -> content of large files. received: how many of them came in.
        status: with which every request is answered; None: as it should be.
        cut: digest of a large file at which the connection is cut.
    """

    endpoint: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[list[str]] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    received: int = 0
    status: int | None = None
    cut: str | None = None


@contextlib.contextmanager
def receiving_hub() -> Iterator[ReceivingHub]:
    """Serves a hub on a free port; tars are large files of it, all others go into commits as they are."""
    hub = ReceivingHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer({"id": "someone/pairs", "sha": "1" * 40, "siblings": [], "tags": []})

        def do_POST(self) -> None:
            body = self._body()
            path = self.path.partition("?")[0]
            if hub.status is not None:
                self._answer({"error": "refused"}, hub.status)
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._answer({"error": "Invalid username or password."}, 401)
            elif path == "/api/repos/create":
                self._answer({"url": f"{hub.endpoint}/datasets/someone/pairs", "name": "someone/pairs", "id": "1"})
            elif "/preupload/" in path:
                asked = [entry["path"] for entry in json.loads(body)["files"]]
                modes = [{"path": path, "uploadMode": "lfs" if path.endswith(".tar") else "regular"} for path in asked]
                self._answer({"files": [mode | {"shouldIgnore": False, "oid": None} for mode in modes]})
            elif path.endswith("/info/lfs/objects/batch"):
                objects = [self._object(entry) for entry in json.loads(body)["objects"]]
                self._answer({"transfer": "basic", "objects": objects})
            elif "/commit/" in path:
                self._commit(body)
            else:
                self._answer({})

        def do_PUT(self) -> None:
            if self.path.endswith(f"/{hub.cut}"):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            content = self._body()
            hub.received += 1
            hub.stored[hashlib.sha256(content).hexdigest()] = content
            self._answer({})

        def _object(self, asked: dict) -> dict:
            known = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] in hub.stored:
                return known
            return known | {"actions": {"upload": {"href": f"{hub.endpoint}/lfs/{asked['oid']}"}}}

        def _commit(self, body: bytes) -> None:
            lines = [json.loads(line) for line in body.splitlines()]
            files = {}
            for line in lines:
                if line["key"] == "file":
                    files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "lfsFile":
                    files[line["value"]["path"]] = hub.stored[line["value"]["oid"]]
            hub.files |= files
            hub.commits.append(sorted(files))
            self._answer(
                {"success": True, "commitOid": "1" * 40, "commitUrl": f"{hub.endpoint}/datasets/someone/pairs/commit/1"}
            )

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _answer(self, content: dict, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with loopback_server(Handler) as hub.endpoint:
        yield hub
