"""Renders templates, each with a typed context of its own: escaped by default, a name that is not there is an error."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context as JinjaContext
from markupsafe import Markup, escape
from starlette.datastructures import URL
from starlette.responses import HTMLResponse

from app import translation
from app.db.models.versions import Version
from app.formats import figures
from app.formats.differences import differences
from app.formats.languages import listed
from app.formats.writers import shown_writer
from app.kinds.registry import job_title
from app.layout import STATIC, TEMPLATES
from app.services.lifecycle.deciding import decided_about
from app.services.versions.bounds import flags_of
from app.services.versions.version_states import VersionState
from app.web import formatting, token_views
from app.web.asked import Misread
from app.web.browser_name import labeler_name
from app.web.pages import IN_LINE, PAGES, Page, pages_from
from app.web.policy_verdict import told_verdict
from app.web.retelling import is_foreign_english, retold


@cache
def _version_of(path: str) -> str:
    file = STATIC / path
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else "missing"


def static_url(path: str) -> str:
    """Address of a file under static/ that changes with its content, so that browsers may keep it for good."""
    return f"/static/{path}?v={_version_of(path)}"


@cache
def import_map() -> Markup:
    """Each module of static/js by its versioned address: scripts import each other by plain relative names."""
    names = sorted(file.name for file in (STATIC / "js").glob("*.js"))
    return Markup(json.dumps({"imports": {f"/static/js/{name}": static_url(f"js/{name}") for name in names}}))


@dataclass(frozen=True, kw_only=True)
class Context:
    """What one template shows. Each field is explained below it; the template uses these, and those of `Shared` and
    `Globals`, and no other names (tests/web/test_templating.py). A context inside of another is shown by `part`."""

    template: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class PageContext(Context):
    """Of a whole page: what base.html shows around it."""

    page: str | None = None
    """The page's name in app/web/pages.py: its link is marked."""
    labeler_typed: str | None = None
    """A name that was typed and not taken: it stays in its form, which is open."""


@dataclass(frozen=True)
class Shared:
    """What every template may use: of the request."""

    nonce: str
    """Of the Content-Security-Policy: scripts without it do not run."""
    csrf_token: str
    """What each form sends back."""
    labeler_name: str | None
    """Who ranks; none where a request was refused before it was asked."""
    signed_in: bool
    """By a cookie, on a server with a token."""
    language: str
    """The code of the page's language."""
    address: str
    """Path and query of the page, for a form that comes back to it."""
    misread: tuple[Misread, ...]
    """What of the address was not understood."""


@pass_context
def part(around: JinjaContext, context: Context) -> Markup:
    """The HTML of a context that is a part of the one around it."""
    return Markup(_html(context, {each.name: around[each.name] for each in fields(Shared)}))


def in_html(message: str, **values: Any) -> Markup:
    """A message in the page's language; values that are no Markup are escaped."""
    text = escape(translation._(message))
    return text.format(**values) if values else text


def in_html_by_count(singular: str, plural: str, count: int, **values: Any) -> Markup:
    """As `in_html`, in the form that fits the count, which `{n}` stands for."""
    form = translation.ngettext(singular, plural, count, **{name: f"{{{name}}}" for name in ("n", *values)})
    return escape(form).format(**{"n": count, **values})


def sentences_in_html(*said: str) -> Markup:
    """As `translation.sentences`; what is no Markup is escaped."""
    return Markup(translation.sentences(*(str(escape(each)) for each in said)))


@dataclass(frozen=True)
class Globals:
    """What every template may use: of the program."""

    static: Callable[[str], str] = static_url
    """Address of a file under static/."""
    import_map: Callable[[], Markup] = import_map
    """Of the scripts' modules."""
    part: Callable[[JinjaContext, Context], Markup] = part
    """Shows a context that is a part of this one."""
    pages: tuple[Page, ...] = PAGES
    """For the navigation."""
    in_line: int = IN_LINE
    """How many of them a narrow screen shows without "More"."""
    _: Callable[..., Markup] = in_html
    """A message in the page's language: `_("Version {id}", id=7)`."""
    ngettext: Callable[..., Markup] = in_html_by_count
    """The same by a count: `ngettext("{n} answer", "{n} answers", 4)`."""
    sentences: Callable[..., Markup] = sentences_in_html
    """Texts one behind the other, with the language's full stops: `sentences(title, said)`."""
    script_messages: Callable[[str], Mapping[str, str]] = translation.script_messages
    """Of the scripts, in a language."""
    languages: Mapping[str, str] = field(default_factory=lambda: translation.LANGUAGES)
    """Those that pages come in, by their own names."""
    version_states: Mapping[VersionState, formatting.StateWords] = field(
        default_factory=lambda: formatting.VERSION_STATES
    )
    """Each state of a version, in words."""
    job_states: Callable[[], str] = formatting.job_states
    """JSON for scripts: each state of a job, in words."""


def _values(of: Any) -> dict[str, Any]:
    return {each.name: getattr(of, each.name) for each in fields(of)}


def told_flags(version: Version) -> list[str]:
    """Why a version is out of bounds, a sentence each."""
    return [retold(flag.sentence) for flag in flags_of(version)]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        auto_reload=False,  # it would look at each file of a page at each request
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(_values(Globals()))
    environment.filters.update(
        differences=differences,
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
        flags=told_flags,
        verdict=told_verdict,
        retold=retold,
        is_foreign_english=is_foreign_english,
        left_out=formatting.left_out,
        no_curves=formatting.no_curves,
        activation_words=formatting.activation_words,
        listed_languages=listed,
        fact=figures.fact,
        decided=decided_about,
        gains=formatting.gains,
        figure=figures.figure,
        job_title=job_title,
        job_state=formatting.job_state,
        version_state=formatting.version_state,
        version_state_meaning=formatting.version_state_meaning,
        version_state_tone=formatting.version_state_tone,
        by_whom=formatting.by_whom,
        version_origin=formatting.version_origin,
        version_title=formatting.version_title,
        shown_writer=shown_writer,
        iso=datetime.isoformat,
        moment=formatting.moment,
        token_text=token_views.token_text,
    )
    return environment


ENVIRONMENT = _environment()


def render(
    request: Request, context: Context, *, status_code: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    return HTMLResponse(_html(context, _values(_shared(request))), status_code, headers=dict(headers or {}))


def _shared(request: Request) -> Shared:
    return Shared(
        nonce=request.state.nonce,
        csrf_token=request.state.csrf_token,
        labeler_name=labeler_name(request),
        signed_in=getattr(request.state, "signed_in", False),
        language=translation.language(),
        address=_address(request),
        misread=getattr(request.state, "misread", ()),
    )


def _address(request: Request) -> str:
    """A page that answers a form comes back as the page that the form stood on: its own address takes no GET."""
    url = request.url
    if request.method not in {"GET", "HEAD"}:
        url = URL(request.headers.get("referer", ""))
        if url.netloc != request.url.netloc:
            return pages_from(request.url.path)[0].path
    return f"{url.path}?{url.query}" if url.query else url.path


def _html(context: Context, shared: Mapping[str, Any]) -> str:
    return ENVIRONMENT.get_template(context.template).render({**shared, **_values(context)})


def is_fragment(request: Request) -> bool:
    """htmx asks for a piece of the page; everybody else for the whole."""
    return "hx-request" in request.headers
