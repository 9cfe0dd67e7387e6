"""Every word that a page says comes from the catalogue: in a language whose messages stand in ⟦ ⟧, nothing else is
English but what people, models and programs wrote."""

import errno
import re
import shutil
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.support import Translations
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.responses import Response

from app import translation
from app.db.trouble import BUSY, DatabaseBusyError
from app.formats.markdown import MAX_CHARACTERS
from app.layout import SFT_MODEL, TEMPLATES
from app.model_info.weights import unusable
from app.services.versions import versions
from app.web import retelling, templating
from app.web.report_card import FILE
from tests.browser.test_accessibility import training_states
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings
from tests.web.test_prediction import add_reward
from tests.web.test_ranking import action_of, answers_of
from tests.web.visitor import Visitor

TOKEN = "correct-horse-battery"
ROOMS = ("label", "train", "versions", "prompts", "sign_in", "errors", "components")
SPOKEN = {"aria-label", "title", "placeholder", "alt", "data-announce", "data-what", "data-label", "data-sentence"}
SPOKEN |= {"data-no-values", "data-ended"}
VOID = {"area", "br", "hr", "img", "input", "link", "meta", "source", "wbr", "circle", "path"}
UNTRANSLATED = {"script", "style", "code", "kbd", "textarea", "time"}
NAMES = re.compile(r"Fourfold|UTC|\b[MG]i?B\b|Browser [A-Z2-7]{4}-[A-Z2-7]{4}|\b[A-D]\b")
MARKED = re.compile("⟦[^⟦⟧]*⟧")
WORD = re.compile("[A-Za-z]{2,}")


class _Bracketed(Translations):
    def gettext(self, message: object) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, num: int) -> str:
        return f"⟦{msgid1 if num == 1 else msgid2}⟧"


class _Said(HTMLParser):
    """What a page says: texts, and attributes that are read out, but for what is data."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._open: list[bool] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        data = tag in UNTRANSLATED or "dir" in given or "mono" in (given.get("class") or "").split()
        data = data or ("lang" in given and tag != "html")
        if tag not in VOID:
            self._open.append(data)
        if not any(self._open):
            self.texts += [value for name, value in attributes if name in SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append("x" if any(self._open) else data)


def unmarked(html: str) -> list[str]:
    """Texts with words of no message. Messages stand inside of messages, as their values."""
    said = _Said()
    said.feed(html)
    left = []
    whole = "\0".join(said.texts)  # a message may go on behind an element that is its value
    while (shorter := MARKED.sub("", whole)) != whole:
        whole = shorter
    for text in whole.split("\0"):
        if WORD.search(NAMES.sub("", text)):
            left.append(" ".join(text.split()))
    return left


def with_english_signs(html: str) -> list[str]:
    """Messages behind which the page itself puts a sign: it would be an English one behind Chinese, too."""
    said = _Said()
    said.feed(html)
    whole = "".join(said.texts)
    while (shorter := MARKED.sub("字", whole)) != whole:
        whole = shorter
    return re.findall(r".{0,30}字[.,;:!?](?!\w).{0,30}", whole)


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Chinese is the bracketed language; the templates that were rendered."""
    ask, load = translation._translations, templating.ENVIRONMENT._load_template
    seen: set[str] = set()

    def note(name: str, template_globals: Any) -> Any:
        seen.add(name)
        return load(name, template_globals)

    retelling._retold.cache_clear()  # what another test read in real Chinese
    monkeypatch.setattr(translation, "_translations", lambda code: _Bracketed() if code == "zh" else ask(code))
    monkeypatch.setattr(templating.ENVIRONMENT, "_load_template", note)
    return seen


@pytest.fixture
def foreign(server: LiveServer, rendered: set[str]) -> Iterator[Visitor]:
    visitor = Visitor(server)
    visitor.client.headers["accept-language"] = "zh"
    yield visitor
    retelling._retold.cache_clear()
    assert rendered
    visitor.client.close()


def pages(visitor: Visitor, made: int) -> Iterator[tuple[str, str]]:
    for path in ("/", "/train?said=runs_already&kind=train_policy", "/train?job=succeeded", f"/versions/{made}",
                 f"/versions/{made + 1}", "/versions/1", "/versions", "/versions/prune", "/data/prompts?done=added",
                 "/data/prompts?show=archived", "/data/prompts?show=set_aside", "/data/prompts?q=zzzz", "/data",
                 "/data/votes", "/data/groups", "/data/import", "/data/export", "/data/labelers",
                 "/data/rankings/9", "/data/rankings/1", "/data/prompts/1",
                 "/nowhere", "/versions/999", "/train?job=none", "/data/prompts/1/delete",
                 "/train/label-page?saved", "/train/labels",
                 "/train/runs/succeeded", "/train/runs/failed", "/train/runs/running",
                 "/train/start?job=succeeded", "/train/start?kind=train_policy&preset=shorter",
                 "/train/start?kind=train_policy&preset=none", "/train/compare?job=succeeded&job=failed",
                 "/train/compare?" + "job=failed&job=running&job=queued&job=succeeded&job=cancelled"):  # fmt: skip
        yield path, visitor.client.get(path).text
    yield "empty prompt", visitor.send("/data/prompts/new", prompt=" ").text
    yield "empty own prompt", visitor.send("/prompts", prompt=" ").text
    yield "empty own prompt, as a part", visitor.send("/prompts", prompt=" ", fragment=True).text
    yield "no file", visitor.send("/data/import/preview").text
    yield "a wrong file", visitor.upload("/data/import/preview", "a.jsonl", b'{"prompt": 7}').text
    yield (
        "a right file",
        visitor.take_in("a.jsonl", b'{"prompt": "Why?"}\n{"prompt": "Who?"}').text,
    )
    yield "no name", visitor.send("/labeler", name=" ").text
    yield "a started job", visitor.send("/train/jobs", kind="train_reward").text
    yield "a started job, as a part", visitor.send("/train/jobs", kind="evaluate", fragment=True).text
    yield "a start refused", visitor.send("/train/start", kind="train_reward", seed="-1").text
    yield "a version that must stay", visitor.send("/versions/1/remove").text
    yield "an activated version", visitor.send(f"/versions/{made}/activate", fragment=True).text
    yield "pruned", visitor.send("/versions/prune").text
    yield "an own prompt", visitor.send("/prompts", prompt="Where?", fragment=True).text
    yield "its card", visitor.send("/prompts", prompt="Where to?").text
    for ranks in ("1234", "1123", "1111"):
        asked = visitor.send("/prompts", prompt=f"Which of {ranks}?").text
        given = dict(zip(answers_of(asked), ranks, strict=True))
        saved = visitor.send(f"{action_of(asked)}/rankings", fragment=False, **given).text
        [path] = re.findall(r'<a href="(/rankings/[0-9]+/prediction)"', saved)
        yield f"saved {ranks}", saved
        yield f"predicted {ranks}", visitor.client.get(path).text
        yield f"predicted {ranks}, as a part", visitor.client.get(path, headers={"hx-request": "true"}).text
    yield "one's labels", visitor.client.get("/train/labels").text
    yield "a setting out of range", visitor.send("/train/label-page", temperature="3").text
    yield "guidelines, previewed", visitor.send("/train/label-page/guidelines", text="要真实", action="preview").text
    yield "guidelines, too long", visitor.send("/train/label-page/guidelines", text="x" * (MAX_CHARACTERS + 1)).text
    yield "nothing ranked", visitor.send("/groups/1/rankings").text


def test_no_page_says_a_word_that_the_catalogue_does_not_have(
    server: LiveServer, foreign: Visitor, rendered: set[str]
) -> None:
    made = training_states(server)
    add_reward(server)
    with server.runtime.read() as session:
        shutil.copy(SFT_MODEL / FILE, server.settings.version_directory(versions.get_version(session, 1).path))
    seen = list(pages(foreign, made))
    assert {name: left for name, html in seen if (left := unmarked(html))} == {}
    assert {name: left for name, html in seen if (left := with_english_signs(html))} == {}
    files = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")}
    assert {file for file in files if file.startswith(ROOMS)} - rendered - {"sign_in/index.html"} == set()


def test_signing_in_speaks_the_browsers_language(tiny_model_dir: Path, tmp_path: Path, rendered: set[str]) -> None:
    settings = quick_settings(tmp_path / "data", tiny_model_dir, token=TOKEN)
    with live_server(settings, lambda _settings, _directory: ScriptedEngine()) as guarded:
        visitor = Visitor(guarded)
        visitor.client.headers["accept-language"] = "zh"
        html = visitor.client.get("/train").text
        assert "⟦Sign in⟧" in html
        assert unmarked(html) == []
        [token] = re.findall(r'name="csrf_token" value="([^"]+)"', html)[:1]
        refused = visitor.client.post("/sign-in", data={"csrf_token": token, "token": "wrong"}).text
        assert "⟦This is not the token." in refused
        assert unmarked(refused) == []
        form = {"csrf_token": token, "language": "en", "back": "/sign-in?next=%2Ftrain"}
        back = visitor.client.post("/language", data=form, headers={"accept-language": "zh"})
        assert (back.url.path, back.url.query) == ("/sign-in", b"next=%2Ftrain")
        assert '<html lang="en">' in back.text
        visitor.client.close()
    assert "sign_in/index.html" in rendered


BROKEN: list[Exception] = [
    RuntimeError("a bug"),
    OSError(errno.ENOSPC, "No space left on device"),
    DatabaseBusyError(BUSY),
    unusable(Path("models/sft/model.safetensors"), "is damaged: its checksum differs from the recorded one"),
    *(OperationalError("SELECT 1", None, Exception(words)) for words in (
        "database or disk is full", "database is locked", "unable to open database file", "disk I/O error",
        "no such table: prompts", "database disk image is malformed", "a word that nobody knows",
    )),
]  # fmt: skip


async def _fail(error: Exception, _request: Request) -> Response:
    raise error


def test_what_fails_is_told_in_the_pages_language(server: LiveServer, foreign: Visitor) -> None:
    """As a page, and as a notice in the page that is open."""
    for number, error in enumerate(BROKEN):
        server.app.add_route(f"/broken/{number}", partial(_fail, error))
        for headers in ({}, {"HX-Request": "true"}):
            answer = foreign.client.get(f"/broken/{number}", headers=headers)
            assert answer.status_code >= 500
            assert (repr(error), unmarked(answer.text)) == (repr(error), [])


def test_the_check_finds_a_word() -> None:
    assert unmarked('<p>⟦Rank ⟦four⟧⟧ now</p><b title="a word">⟦Now⟧</b><i dir="auto">data</i>') == ["now", "a word"]
