"""The explorer over HTTP: which address gives which answer, and what a wrong question gets."""

from __future__ import annotations

import json
import threading
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from babelsift.pipelines.explorer import answers
from babelsift.pipelines.explorer.dry_runs import DryRuns
from babelsift.pipelines.explorer.export import FORMATS, export
from babelsift.pipelines.explorer.labels import BAD, GOOD
from babelsift.pipelines.explorer.pair_page import pair_page
from babelsift.pipelines.explorer.pairs.query import QueryError, parse_query
from babelsift.pipelines.explorer.pairs.summaries import summaries
from babelsift.pipelines.explorer.session import LoadedRun, Session
from babelsift.pipelines.inspection.shard_images import IMAGE_TYPES
from babelsift.schemas import BabelsiftError, dump_recipe, one_line, public_text

_ASSET_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_MOST_IMAGE_BYTES = 20 * 2**20
_MOST_JSON_BYTES = 64 * 1024
_PAGE = "index.html"
_NO_STORE = {"cache-control": "no-store"}


def application(session: Session) -> Starlette:
    """Returns the explorer of some runs as an ASGI application.

    Args:
        session: what it shows.
    """
    return _Explorer(session).application()


def page_files() -> dict[str, bytes]:
    """Returns {name: content} of the files of the page; only these are ever served."""
    folder = resources.files("babelsift.pipelines.explorer") / "page"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


class _Explorer:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._files = page_files()
        self._dry_runs = DryRuns()
        self._is_warm = threading.Event()

    def application(self) -> Starlette:
        routes = [
            Route("/", self._page),
            Route("/page/{name}", self._asset),
            Route("/api/session", self._session_answer),
            Route("/api/compared", self._compared),
            Route("/api/labels", self._label, methods=["POST"]),
            Route("/api/{run:int}/axes", self._axes),
            Route("/api/{run:int}/rows", self._rows),
            Route("/api/{run:int}/summaries", self._summaries),
            Route("/api/{run:int}/pair/{number:int}", self._pair),
            Route("/api/{run:int}/uid/{uid}", self._uid),
            Route("/api/{run:int}/tiles", self._tiles),
            Route("/api/{run:int}/image/{number:int}", self._image),
            Route("/api/{run:int}/labelled", self._labelled),
            Route("/api/{run:int}/sliders", self._sliders),
            Route("/api/{run:int}/trial", self._trial),
            Route("/api/{run:int}/recipe", self._recipe),
            Route("/api/{run:int}/dry-run", self._dry_run, methods=["GET", "POST"]),
            Route("/api/{run:int}/near-image", self._near_image, methods=["POST"]),
            Route("/api/{run:int}/export/{kind}", self._export),
        ]
        handlers: Any = {QueryError: _refused, BabelsiftError: _refused, HTTPException: _http_error}
        return Starlette(routes=routes, exception_handlers=handlers)

    def _run(self, request: Request) -> LoadedRun:
        number = request.path_params["run"]
        if number >= len(self._session.runs):
            raise HTTPException(404, "no such run")
        return self._session.runs[number]

    def _page(self, _: Request) -> Response:
        return _file(_PAGE, self._files[_PAGE])

    def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            raise HTTPException(404, "no such file")
        return _file(name, self._files[name])

    def _session_answer(self, _: Request) -> Response:
        return _json(answers.describe(self._session))

    def _compared(self, _: Request) -> Response:
        return _json(answers.compared(self._session))

    def _axes(self, request: Request) -> Response:
        return _json(answers.histogram_axes(self._run(request)))

    def _rows(self, request: Request) -> Response:
        offset, limit = (_number(request, name) for name in ("offset", "limit"))
        query = parse_query(request.query_params.get("q"))
        return _json(answers.rows_of(self._run(request), self._session, query, offset, limit))

    def _summaries(self, request: Request) -> Response:
        answer = _json(summaries(self._run(request).selection, parse_query(request.query_params.get("q"))))
        if not self._is_warm.is_set():  # nobody waits for it: rows and counts are there
            self._is_warm.set()
            threading.Thread(target=self._session.warm, daemon=True).start()
        return answer

    def _pair(self, request: Request) -> Response:
        try:
            return _json(pair_page(self._run(request), request.path_params["number"]))
        except IndexError as error:
            raise HTTPException(404, "no such pair") from error

    def _uid(self, request: Request) -> Response:
        row = self._run(request).row_of(request.path_params["uid"])
        if row is None:
            raise HTTPException(404, "no pair of this run has that uid")
        return _json({"row": row})

    def _tiles(self, request: Request) -> Response:
        run, said = self._run(request), request.query_params.get("rows", "")
        numbers = [int(number) for number in said.split(",") if number.isascii() and number.isdigit()]
        return _json({"rows": answers.tiles_of(run, self._session, numbers)})

    def _image(self, request: Request) -> Response:
        try:
            found = self._run(request).image(request.path_params["number"])
        except IndexError as error:
            raise HTTPException(404, "no such pair") from error
        if found is None or found[1] not in IMAGE_TYPES:
            raise HTTPException(404, "this pair has no image")
        headers = {"cache-control": "private, max-age=3600", "content-disposition": "inline"}
        return Response(found[0], media_type=IMAGE_TYPES[found[1]], headers=headers)

    def _labelled(self, request: Request) -> Response:
        return _json(answers.labelled(self._run(request)))

    def _sliders(self, request: Request) -> Response:
        return _json(answers.sliders_of(self._run(request)))

    def _trial(self, request: Request) -> Response:
        changes, at = _changes(request), request.query_params.get("at")
        language = request.query_params.get("language")
        return _json(answers.trial_of(self._run(request), self._session, changes, at, language))

    def _recipe(self, request: Request) -> Response:
        text = dump_recipe(self._run(request).trial.changed(_changes(request)))
        return PlainTextResponse(text, headers=_download("recipe.yaml"), media_type="application/yaml")

    async def _dry_run(self, request: Request) -> Response:
        run = self._run(request)
        if request.method == "POST":
            changes = await _body(request, dict)
            recipe = await run_in_threadpool(run.trial.changed, changes)
            self._dry_runs.start(run.name, recipe, run.run.folder.url)
        return _json(self._dry_runs.state(run.name))

    async def _label(self, request: Request) -> Response:
        said = await _body(request, dict)
        number, row, label = said.get("run"), said.get("row"), said.get("label")
        is_run = type(number) is int and 0 <= number < len(self._session.runs)
        if not is_run or type(row) is not int or label not in (GOOD, BAD, None):
            raise QueryError(f"a label is {GOOD}, {BAD} or null, of a row of a run")
        await run_in_threadpool(self._set_label, number, row, label)
        return _json({"label": label, "labels": len(self._session.labels)})

    def _set_label(self, number: int, row: int, label: str | None) -> None:
        run = self._session.runs[number]
        try:
            uid = run.row(row)["uid"]
        except IndexError as error:
            raise QueryError("no such pair") from error
        if uid is None:
            raise QueryError("a row without a pair cannot be labelled: it has no uid")
        self._session.label(run, uid, label)

    async def _near_image(self, request: Request) -> Response:
        run = self._run(request)
        content = await _content(request, _MOST_IMAGE_BYTES)
        return _json({"image": await run_in_threadpool(run.neighbours.add_image, content)})

    def _export(self, request: Request) -> Response:
        kind, run = request.path_params["kind"], self._run(request)
        if kind not in FORMATS:
            raise HTTPException(404, f"exports are {', '.join(FORMATS)}")
        exported = export(run, parse_query(request.query_params.get("q")), kind)
        return StreamingResponse(exported.content, media_type=exported.media_type, headers=_download(exported.name))


def _json(content: Any) -> Response:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), media_type="application/json", headers=_NO_STORE)


def _file(name: str, content: bytes) -> Response:
    kind = _ASSET_TYPES.get(f".{name.rpartition('.')[2]}", "application/octet-stream")
    return Response(content, media_type=kind, headers={"cache-control": "no-cache"})


def _download(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"', **_NO_STORE}


def _number(request: Request, name: str) -> int:
    said = request.query_params.get(name, "0")
    if not (said.isascii() and said.isdigit() and len(said) < 12):
        raise QueryError(f"{name} is a whole number")
    return int(said)


def _changes(request: Request) -> dict[str, Any]:
    try:
        changes = json.loads(request.query_params.get("changes") or "{}")
    except (ValueError, RecursionError) as error:
        raise QueryError("changes is no JSON") from error
    if not isinstance(changes, dict):
        raise QueryError("changes is an object: a setting, its value")
    return changes


async def _content(request: Request, most: int) -> bytes:
    content = bytearray()
    async for block in request.stream():
        content += block
        if len(content) > most:
            raise HTTPException(413, f"more than {most} bytes")
    return bytes(content)


async def _body(request: Request, kind: type) -> Any:
    """Returns a request's JSON; a form of another site cannot send one without asking the browser first."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise HTTPException(415, "send application/json")
    try:
        said = json.loads(await _content(request, _MOST_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise QueryError("the request is no JSON") from error
    if not isinstance(said, kind):
        raise QueryError("the request is no JSON object")
    return said


def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": public_text(one_line(error, limit=None))}, 400)


def _http_error(_: Request, error: Any) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code)
