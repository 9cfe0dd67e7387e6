"""Every error as one sentence with the next step: application/problem+json (RFC 9457), OpenAI's form under /v1, or a
page for browsers.

Pages register `app.state.render_problem(request, problem) -> Response`; requests under /api and /v1, and those that
ask for JSON, never see it.
"""

import errno
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from app.db.trouble import trouble_of
from app.errors import About, AppError, LateError, Record
from app.formats.invalid_values import sentence_of, visible
from app.http import openai_errors
from app.http.bodies import BodyError
from app.http.expected import schema_at
from app.translation import N_, _

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
API_PREFIXES = ("/api/", openai_errors.PREFIX)
RETRY_SECONDS = "1"
MAX_NAME_CHARACTERS = 80
MOST_FAULTS = 20
"""Of one request, those that are told."""
WRONG_ADDRESS = N_("Something in this address, or in what was sent, does not belong there. Choose one of the pages.")
PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "`about:blank`: the status says it all (RFC 9457)."},
        "title": {"type": "string", "description": "The kind of trouble, in a few words."},
        "status": {"type": "integer", "description": "The HTTP status once more."},
        "detail": {"type": "string", "description": "What is wrong and what to do next, in a sentence."},
        "about": {
            "type": "object",
            "description": "What stands in the way, or where to go on, where that is a record.",
            "required": ["record", "id"],
            "properties": {
                "record": {"type": "string", "description": "`version`, `ranking`, `prompt`, `vote` or `job`."},
                "id": {"type": ["integer", "string"], "description": "Its number, or a job's id."},
            },
        },
    },
}


@dataclass(frozen=True)
class Problem:
    status: int
    title: str
    detail: str
    """A sentence a person can act on."""
    page: str | None = None
    """What the pages say instead of it, where a program's next step is another than a person's."""
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    about: About | None = None
    """What stands in the way, or where the next step is taken."""
    param: str | None = None
    code: str | None = None
    """Both for OpenAI's form."""


def problem_response(problem: Problem, path: str) -> Response:
    """As clients of `path` read errors."""
    if openai_errors.is_openai(path):
        status = openai_errors.status_of(problem.status)
        said = openai_errors.error_body(status, problem.detail, problem.param, problem.code)
        return JSONResponse(said, status, headers=dict(problem.headers))
    body = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    return JSONResponse({**body, **problem.extra}, problem.status, headers=dict(problem.headers), media_type=MEDIA_TYPE)


def wants_page(request: Request) -> bool:
    path = request.url.path
    return not path.startswith(API_PREFIXES) and "text/html" in request.headers.get("accept", "")


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(405, answer_other_method)
    for kind, describe in (
        (AppError, of_app_error),
        (BodyError, of_body_error),
        (HTTPException, of_http_error),
        (RequestValidationError, of_validation),
        (DBAPIError, of_database_error),
        (OSError, of_system_error),
        (Exception, of_bug),
    ):
        app.add_exception_handler(kind, _handler(describe))


def _handler(describe: Callable[[Request, Any], Problem]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        return answer_problem(request, describe(request, error))

    return answer


def answer_problem(request: Request, problem: Problem) -> Response:
    """As whoever asks reads it: a person's browser, a part of a page, a program."""
    render = getattr(request.app.state, "render_problem", None)
    if render is not None and (wants_page(request) or "hx-request" in request.headers):
        page: Response = render(request, problem)
        page.headers.update(problem.headers)
        return page
    return problem_response(problem, request.url.path)


async def answer_other_method(request: Request, _error: Exception) -> Response:
    """Names all methods of the path, whichever route was found first. OPTIONS asks for just that (RFC 9110, 9.3.7)."""
    allowed = ", ".join(sorted({"OPTIONS", *_methods_at(request)}))
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allowed})
    problem = Problem(
        405,
        HTTPStatus.METHOD_NOT_ALLOWED.phrase,
        f"{request.method} is not answered at {request.url.path}; use {allowed}.",
        page=_("This address only accepts what a button on a page sends. Nothing was changed: go there and press it."),
        headers={"Allow": allowed},
    )
    return await _handler(lambda *_: problem)(request, _error)


def _methods_at(request: Request) -> set[str]:
    methods: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        if route.methods and route.path_regex.match(request.scope["path"]):
            methods |= route.methods
    methods |= {"HEAD"} if "GET" in methods else set()
    return methods or {"GET", "HEAD"}  # files under /static


def of_app_error(_request: Request, error: AppError) -> Problem:
    headers = {"Retry-After": str(getattr(error, "retry_seconds", RETRY_SECONDS))} if error.status_code == 503 else {}
    if isinstance(error, LateError):
        headers = {"X-Should-Retry": "false"}  # OpenAI's clients would ask twice more by themselves
    return Problem(
        error.status_code,
        error.title,
        error.message,
        error.page_message,
        headers,
        _about(error),
        error.about,
        param=error.param,
        code=error.code,
    )


def _about(error: AppError) -> dict[str, Any]:
    """For programs, which know no pages."""
    about = error.about
    return {} if about is None or about.record is Record.PAGE else {"about": {"record": about.record, "id": about.id}}


def of_http_error(request: Request, error: HTTPException) -> Problem:
    detail, page, code = str(error.detail), None, None
    if error.status_code == 404 and detail == "Not Found":
        code = "unknown_url"
        detail = f"There is nothing at {request.url.path}. The API is described at /openapi.json."
        path = request.url.path[:MAX_NAME_CHARACTERS]
        page = _("There is no page at {path}. Choose one of the pages.", path=path)
    elif error.status_code == 400:
        detail = f"The body cannot be read: {detail.rstrip('.')}. Send it in UTF-8, as this call's description says."
        page = _("What the page sent cannot be read. Reload the page, then send it again.")
    title = HTTPStatus(error.status_code).phrase
    return Problem(error.status_code, title, detail, page, dict(error.headers or {}), code=code)


def of_body_error(_request: Request, error: BodyError) -> Problem:
    if error.status_code == 400:
        return Problem(400, "Bad request", f"The body is not valid JSON: {error.detail}. Send one JSON object.")
    location = ("body", *error.place)
    problem = _of_fields([{"field": _field_name(location), "message": f"{error.detail}."}])
    return replace(problem, param=openai_errors.param_of(location), code="invalid_value")


def of_validation(request: Request, error: RequestValidationError) -> Problem:
    faults, route = error.errors(), request.scope.get("route")
    if openai_errors.is_openai(request.url.path):
        return _of_openai_body(request, faults[0])
    return _of_fields(
        [
            {"field": _field_name(fault["loc"]), "message": sentence_of(fault, schema_at(route, fault["loc"]))}
            for fault in faults[:MOST_FAULTS]
        ]
    )


def _of_fields(fields: list[dict[str, str]]) -> Problem:
    detail = " ".join(f"{item['field']}: {item['message']}" for item in fields[:5])
    return Problem(422, N_("Invalid input"), detail, _(WRONG_ADDRESS), extra={"errors": fields})


def _of_openai_body(request: Request, fault: Mapping[str, Any]) -> Problem:
    """OpenAI names one fault at a time."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip()
    if fault["loc"] == ("body",) and sent != "application/json":
        detail = f"The body's content type is {sent[:MAX_NAME_CHARACTERS]!r}. Send JSON, as 'application/json'."
        return Problem(415, HTTPStatus.UNSUPPORTED_MEDIA_TYPE.phrase, detail)
    message, param, code = openai_errors.of_fault(fault, schema_at(request.scope.get("route"), fault["loc"]))
    return Problem(400, "Bad request", message, param=param, code=code)


def _field_name(location: tuple[Any, ...]) -> str:
    """("body", "ranks", "7") -> "ranks.7"."""
    parts = [str(part) for part in location if part != "[key]"]
    if len(parts) > 1 and parts[0] in {"body", "query", "path", "header"}:
        parts = parts[1:]
    return _shortened(parts)


def _shortened(parts: Sequence[str]) -> str:
    return ".".join(visible(part[:MAX_NAME_CHARACTERS]) for part in parts)


def of_database_error(_request: Request, error: DBAPIError) -> Problem:
    trouble = trouble_of(error)
    if trouble is None:
        log.error("database error", exc_info=error)
        return _bug()
    headers = {"Retry-After": RETRY_SECONDS} if trouble.passes else {}
    if not trouble.passes:
        log.error("%s (%s)", trouble.sentence, error.orig)
    return Problem(trouble.status, trouble.title, _(trouble.sentence), headers=headers)


def of_system_error(_request: Request, error: OSError) -> Problem:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full()
    log.error("system error", exc_info=error)
    return _bug()


def of_bug(_request: Request, _error: Exception) -> Problem:
    """The server logs the trace."""
    return _bug()


def _disk_full() -> Problem:
    return Problem(
        507,
        N_("Disk full"),
        _("The disk of the data folder is full. Nothing was saved; free some space and send it again."),
    )


def _bug() -> Problem:
    """The server ends the connection behind it: a client that is told sends nothing more on it."""
    said = N_("The server failed; its log says more. Nothing was saved.")
    return Problem(500, N_("Internal error"), said, headers={"Connection": "close"})
