"""The explorer as people run it: the command in a process of its own, asked over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True)
class Answer:
    """What the explorer answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RunningExplorer:
    """An explorer that listens. Attributes: url: of its page. process: the command's."""

    url: str
    process: subprocess.Popen
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return urlsplit(self.url).netloc

    def get(self, path: str, headers: Mapping[str, str] | None = None, **parameters: object) -> Answer:
        said = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
        return self.send("GET", path + (f"?{urlencode(said)}" if said else ""), headers=headers)

    def post(self, path: str, content: object, headers: Mapping[str, str] | None = None) -> Answer:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.send("POST", path, body, {"content-type": "application/json", **(headers or {})})

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


@contextlib.contextmanager
def running_explorer(*arguments: str) -> Iterator[RunningExplorer]:
    """Runs `babelsift explore` with arguments until the block ends."""
    command = [sys.executable, "-m", "babelsift", "explore", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            url = process.stdout.readline().strip()
            assert url, process.stderr.read()
            yield RunningExplorer(url, process)
        finally:
            process.kill()
