"""Renders templates: one environment, escaped by default, undefined names are errors. Knows nothing of services."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from app.formats import figures
from app.formats.languages import listed
from app.kinds.registry import job_title, kind_of
from app.layout import STATIC, TEMPLATES
from app.services.versions.bounds import flags_of
from app.web import formatting
from app.web.browser_name import labeler_name


@cache
def _version_of(path: str) -> str:
    file = STATIC / path
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else "missing"


def static_url(path: str) -> str:
    """Address of a file under static/ that changes with its content, so that browsers may keep it for good."""
    return f"/static/{path}?v={_version_of(path)}"


@cache
def import_map() -> str:
    """Each module of static/js by its versioned address: scripts import each other by plain relative names."""
    names = sorted(file.name for file in (STATIC / "js").glob("*.js"))
    return json.dumps({"imports": {f"/static/js/{name}": static_url(f"js/{name}") for name in names}})


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        auto_reload=False,  # it would look at each file of a page at each request
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static_url
    environment.globals["version_states"] = formatting.VERSION_STATES
    environment.globals["job_states"] = json.dumps({**formatting.JOB_STATES, "stopping": formatting.STOPPING})
    environment.globals["import_map"] = lambda: Markup(import_map())
    environment.filters.update(
        duration=figures.duration,
        time_left=figures.time_left,
        number=figures.number,
        significant=figures.significant,
        percent=figures.percent,
        progress=figures.progress,
        exponential=figures.exponential,
        millions=figures.millions,
        gibibytes=figures.gibibytes,
        megabytes=figures.megabytes,
        flags=flags_of,
        listed_languages=listed,
        figure=figures.figure,
        kind=kind_of,
        job_title=job_title,
        job_state=formatting.job_state,
        version_state=formatting.version_state,
        version_state_meaning=formatting.version_state_meaning,
        by_whom=formatting.by_whom,
        version_origin=formatting.version_origin,
        version_title=formatting.version_title,
        iso=datetime.isoformat,
        moment=formatting.moment,
    )
    return environment


ENVIRONMENT = _environment()


def render(
    request: Request,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    shared = {
        "page": None,
        "nonce": request.state.nonce,
        "csrf_token": request.state.csrf_token,
        "labeler_name": labeler_name(request),
        "labeler_typed": None,
        "signed_in": getattr(request.state, "signed_in", False),
    }
    html = ENVIRONMENT.get_template(template).render({**shared, **(context or {})})
    return HTMLResponse(html, status_code, headers=dict(headers or {}))


def is_fragment(request: Request) -> bool:
    """htmx asks for a piece of the page; everybody else for the whole."""
    return "hx-request" in request.headers
