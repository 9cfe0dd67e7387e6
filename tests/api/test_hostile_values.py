"""Every route of the app's own table with values that no honest client sends: each is an error with a sentence, or an
answer; never a 5xx, and never a stream that breaks off."""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from app.web.security import CSRF_COOKIE, CSRF_FIELD
from tests.api.conftest import Json, ranks_of
from tests.api.route_table import Route, routes_of
from tests.live import LiveServer

HUGE = "99999999999999999999"
NO_IDS = [
    *(HUGE, str(2**63), str(2**31 - 1), "-1", "0", "9" * 5_000, "٣", "1e3", "+1", " 1", "1_0", "01"),
    *("x" * 5_000, "a\0b"),
]
TEXTS = [*NO_IDS, "", "' OR 1=1 --"]
NEVER_TAKEN = [
    *(HUGE, f"-{HUGE}", str(2**63), "9" * 5_000, "1" + "0" * 400, "1e400", "NaN", "-Infinity", r'"\ud800"'),
    *(r'{"\ud800": 1}', '{"a": 1, "a": 2}', "[" * 2_000 + "]" * 2_000),
    *('{"' + "9" * 5_000 + '": 1e400}', '{"٣": 1e400}'),
]
JSON_VALUES = [
    *NEVER_TAKEN,
    *("1e-320", "1e308", "true", "null", '"٣"', '"1"', r'"\u0000"', '"' + "x" * 20_000 + '"', "[]"),
]
PLACE = "\N{PILE OF POO}"
PROMPT = {"prompt": "wash my hands"}
SAMPLING = {
    **{"temperature": 0.5, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "stop": ["."]},
    **{"max_tokens": 2, "seed": 1},
}
CHAT = {**SAMPLING, "model": "fourfold", "messages": [{"role": "user", "content": "Hi"}], "n": 1, "logprobs": True}


def bodies(ranks: dict[str, int]) -> dict[str, list[Any]]:
    """What is right, by route: each value in it is replaced by each hostile one."""
    generated = {**SAMPLING, "n": 1, "version": 1, "logprobs": 1}
    return {
        "POST /api/v1/groups": [{**PROMPT, **SAMPLING}, {"messages": [{"role": "user", "content": "Hi"}]}],
        "POST /api/v1/groups/{group_id}/rankings": [
            {"ranks": ranks, "comment": "good", "duration_ms": 5, "idempotency_key": "k"}
        ],
        "POST /api/v1/groups/{group_id}/skip": [{"reason": "unclear"}],
        "POST /api/v1/prompts": [
            {**PROMPT, "split": "train", "language": "en"},
            {"prompts": [{"messages": [{"role": "user", "content": "Hi"}], "language": "en"}]},
        ],
        "POST /api/v1/jobs": [
            {"kind": "train_reward", "params": {"ridge_steps": 2, "held_out_fraction": 0.2, "seed": 1}},
            {"kind": "train_policy", "params": {"reward_version_id": 1, "from": "sft", "kl_target": 6.0}},
            {"kind": "evaluate", "params": {"version_id": 1, "reward_version_id": 1}},
        ],
        "POST /api/v1/generate": [{**PROMPT, **generated}, {**PROMPT, "version": 1, "n": 1, "stream": True}],
        "POST /api/v1/score": [{**PROMPT, "answers": ["one", "two"]}],
        "POST /api/v1/tokenize": [{"text": "words"}],
        "POST /api/v1/next-token": [{**PROMPT, **SAMPLING, "k": 3, "version": 1}],
        "POST /api/v1/import/prompts": [
            {**PROMPT, "split": "train", "language": "en"},
            {"messages": [{"role": "user", "content": "Hi"}]},
        ],
        "POST /api/v1/versions/prune": [{"keep": 5, "dry_run": True}],
        "POST /api/v1/import/comparisons": [
            {
                **PROMPT,
                "chosen": "a",
                "rejected": "b",
                "tie": False,
                "created_at": "2026-01-01",
                "settings": {"seed": 1},
            },
            {"chosen": "The a", "rejected": "The b", "labeler": "ada", "labeler_kind": "person", "duration_ms": 5},
            {"info": {"post": "x"}, "summaries": [{"text": "a"}, "b"], "choice": 1, "worker": "w"},
        ],
        "POST /api/v1/import/rankings": [
            {**PROMPT, "answers": [{"text": "a", "rank": 1, "tokens": [5], "position": 0}, {"text": "b", "rank": 2}]},
            {**PROMPT, "responses": ["a", "b"], "scores": [1, 0.5], "comment": "c", "archived_at": "2026-01-01"},
        ],
        "POST /v1/chat/completions": [
            {**CHAT, "top_logprobs": 1, "tools": None},
            {"model": "fourfold-1", "messages": CHAT["messages"], "max_completion_tokens": 2, "stream": True},
        ],
        "POST /v1/completions": [
            {**SAMPLING, "prompt": ["wash", [5, 6]], "n": 1, "echo": True},
            {"model": "fourfold-1", "prompt": [5, 6], "max_tokens": 2, "stream": True, "logprobs": 1},
        ],
    }


FORMS = {
    "POST /groups/{group_id}/rankings": {"comment": "good", "duration_ms": "5", "idempotency_key": "k"},
    "POST /groups/{group_id}/skip": {"reason": "unclear"},
    "POST /rankings/{ranking_id}/withdraw": {},
    "POST /prompts": {"prompt": "Hi"},
    "POST /prompts/new": {"prompt": "Hi", "split": "train"},
    "POST /prompts/import": {"file": "prompt"},
    "POST /prompts/{prompt_id}/{action}": {"show": "all", "q": "wash", "after": "1"},
    "POST /train/jobs": {"kind": "evaluate", "version_id": "1"},
    "POST /jobs/{job_id}/cancel": {},
    "POST /jobs/{job_id}/resume": {},
    "POST /jobs/{job_id}/restart": {},
    "POST /versions/{version_id}/activate": {"back": "version"},
    "POST /languages": {"language": "en"},
    "POST /sign-in": {"token": "x", "next": "/"},
    "POST /sign-out": {},
    "POST /versions/{version_id}/remove": {},
    "POST /versions/prune": {"version_id": "9"},
    "POST /labeler": {"name": "ada"},
}


class Visitor:
    """Asks, and keeps what was answered wrongly."""

    def __init__(self, server: LiveServer) -> None:
        self.client = server.client
        self.client.get("/", headers={"Accept": "text/html"})  # gives the cookie that forms need
        self.routes = routes_of(server.app)
        card = self.client.post("/api/v1/groups/next").json()
        ranking = self.client.post(f"/api/v1/groups/{card['group_id']}/rankings", json={"ranks": ranks_of(card)}).json()
        job = self.client.post("/api/v1/jobs", json={"kind": "train_reward"}).json()
        self.client.post(f"/api/v1/jobs/{job['job_id']}/cancel")  # else its events would not end
        card = self.client.post("/api/v1/groups/next").json()
        self.ranks = ranks_of(card)
        prompt = self.client.post("/api/v1/prompts", json={"prompt": "A prompt of my own"}).json()["items"][0]
        self.known = {
            "group_id": card["group_id"],
            **ranking,
            **job,
            "version_id": 1,
            "prompt_id": prompt["id"],
            "action": "archive",
            "model": "fourfold",
        }
        self.faults: list[str] = []
        self.asked = 0

    def ask(self, route: Route, what: str, path: dict[str, str] | None = None, **sent: Any) -> httpx2.Response:
        values = {name: str(self.known[name]) for name in route.in_path} | (path or {})
        url = route.path.format(**{name: quote(value, safe="") for name, value in values.items()})
        named = {"Accept": "application/json" if route.documented else "text/html"}
        if route.takes_json:
            lines = route.path.startswith("/api/v1/import/")
            named["Content-Type"] = "application/jsonl" if lines else "application/json"
        headers = httpx2.Headers(named)
        headers.update(sent.pop("headers", {}))
        response = self.client.request(route.method, url, headers=headers, **sent)
        self.asked += 1
        fault = fault_of(route, response)
        if fault:
            self.faults.append(f"{route}, {what}: {response.status_code}, {fault}: {response.text[:200]!r}")
        return response


def fault_of(route: Route, response: httpx2.Response) -> str | None:
    kind = response.headers.get("content-type", "")
    if response.status_code >= 500:
        return "not an answer"
    if kind.startswith("text/event-stream"):
        return (
            None if re.search(r"^(event: (end|done|failed|error)|data: \[DONE\])", response.text, re.M) else "cut off"
        )
    if response.status_code < 400:
        return None
    if kind.startswith("text/html") and not route.documented:
        return None if "<h1" in response.text else "not a page"
    if route.path.startswith("/v1/"):
        error = response.json().get("error", {}) if kind == "application/json" else {}
        said = error.get("message", "") if set(error) == {"message", "type", "param", "code"} else ""
    else:
        said = response.json().get("detail", "") if kind == "application/problem+json" else ""
    return None if re.fullmatch(r"\S+ .*[.!)]", said, re.S) else "no sentence"


def detail_of(response: httpx2.Response) -> str:
    kind = response.headers.get("content-type", "")
    if kind == "application/json" and response.status_code >= 400:  # OpenAI's form
        return str(response.json()["error"]["message"])
    return str(response.json()["detail"]) if kind == "application/problem+json" else ""


@pytest.fixture(scope="module")
def visitor(real_server: LiveServer) -> Visitor:
    return Visitor(real_server)


@pytest.fixture(autouse=True)
def _nothing_wrong(visitor: Visitor) -> Iterator[None]:
    asked = visitor.asked
    visitor.faults.clear()
    yield
    assert not visitor.faults, "\n".join(visitor.faults)
    assert visitor.asked > asked


def test_every_route_is_visited(visitor: Visitor) -> None:
    assert {str(route) for route in visitor.routes if route.takes_json} == set(bodies({}))
    assert {str(route) for route in visitor.routes if route.takes_form} == set(FORMS)
    for route, sent in right(visitor):
        taken = route.method == "DELETE" or route.path.endswith(("/rankings", "/skip", "/withdraw", "/prompts/import"))
        if not taken:  # what the other tests look at stays as it is
            assert visitor.ask(route, "nothing hostile", **sent()).status_code in (200, 201, 202, 303, 404, 409)


def test_in_the_path(visitor: Visitor) -> None:
    """No spelling of an id but one: 404 or 422, never another's row."""
    for route, sent in right(visitor):
        for name in route.in_path:
            for value in NO_IDS:
                found = visitor.ask(route, f"{name} {value[:30]!r}", {name: value}, **sent())
                stream = found.headers.get("content-type", "").startswith("text/event-stream")
                if found.status_code not in (404, 422) and not (stream and '"Not found"' in found.text):
                    visitor.faults.append(f"{route}, {name} {value[:30]!r}: {found.status_code}")


def test_in_the_query(visitor: Visitor) -> None:
    for route in visitor.routes:
        for name in route.in_query:
            for value in TEXTS:
                visitor.ask(route, f"{name} {value[:30]!r}", params={name: value})


def test_in_headers(visitor: Visitor) -> None:
    for route, sent in right(visitor):
        for name in route.in_header:
            for value in [*TEXTS, "小明", "x" * 65]:
                if value.isprintable() and value == value.strip():  # else no client sends it
                    headers = {name.encode(): value.encode()}
                    visitor.ask(route, f"{name} {value[:30]!r}", headers=headers, **sent())


def test_last_event_ids_are_plain_numbers(visitor: Visitor) -> None:
    streams = [route for route in visitor.routes if "last-event-id" in route.in_header]
    assert len(streams) >= 2
    for route in streams:
        for value in (HUGE, "-1", "+1", "1e3", "9" * 5_000):
            found = visitor.ask(route, value[:30], headers={"Last-Event-ID": value})
            assert found.status_code == 422, (str(route), value[:30])


def test_in_json(visitor: Visitor) -> None:
    for route in visitor.routes:
        for body in bodies(visitor.ranks).get(str(route), []):
            for where, text in spoiled(body):
                for value in JSON_VALUES:
                    new = text.replace(PROMPT["prompt"], f"wash {visitor.asked} hands")  # what is known is not stored
                    content = new.replace(f'"{PLACE}"', value).encode()
                    found = visitor.ask(route, f"{where} {value[:30]}", content=content)
                    named = re.match(rf"(Line 1: )?{re.escape(where.split('.')[0])}\b", detail_of(found))
                    refused = 400 if route.path.startswith("/v1/") else 422  # as OpenAI has it
                    if value in NEVER_TAKEN and not (found.status_code == refused and named):
                        visitor.faults.append(f"{route}, {where} {value[:30]}: {found.status_code} {found.text[:200]}")


def test_numbers_are_no_texts_and_no_truths(visitor: Visitor) -> None:
    """Files are read as they are meant: tables have texts only."""
    for route in visitor.routes:
        if "/import/" in route.path:
            continue
        for body in bodies(visitor.ranks).get(str(route), []):
            for keys in places(body):
                value = value_at(body, keys)
                other = ('"1"', "true") if type(value) in (int, float) else ('"true"', "1") if value is True else ()
                for wrong in other:
                    content = json.dumps(replaced(body, keys), ensure_ascii=False).replace(f'"{PLACE}"', wrong)
                    found = visitor.ask(route, f"{keys} {wrong}", content=content.encode())
                    if found.status_code not in (400, 422):
                        visitor.faults.append(f"{route}, {keys} {wrong}: {found.status_code}")


@pytest.mark.parametrize("key", [*NO_IDS, "", r"\ud800", r"\u0000"], ids=lambda key: ascii(key[:12]))
def test_as_the_id_of_a_ranked_answer(visitor: Visitor, key: str) -> None:
    route = next(route for route in visitor.routes if str(route) == "POST /api/v1/groups/{group_id}/rankings")
    text = json.dumps({"ranks": {**visitor.ranks, PLACE: 1}}, ensure_ascii=False)
    key = key.replace("\0", r"\u0000")
    found = visitor.ask(route, key[:30], content=text.replace(PLACE, key).encode())
    assert found.status_code in (409, 422)  # 409: another test has ranked it meanwhile


def test_bodies_that_are_hardly_json(visitor: Visitor) -> None:
    for route in visitor.routes:
        for body in bodies(visitor.ranks).get(str(route), []):
            whole = json.dumps(body).encode()
            name = next(iter(body))
            for what, content in {
                "nothing": b"",
                "half": whole[:-1],
                "twice": whole + whole,
                "BOM": b"\xef\xbb\xbf" + whole,
                "UTF-16": json.dumps(body).encode("utf-16"),
                "not UTF-8": whole[:-1] + b"\xff\xfe}",
                "NUL": whole + b"\0",
                "no object": b"[1]",
                "null": b"null",
                "nested objects": b'{"a":' * 12_000,
                "nested lists": b"[" * 60_000,
                "nested inside": whole[:-1] + b', "params": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
                "a name twice": whole[:-1] + b", " + json.dumps({name: body[name]}).encode()[1:],
                "gzip": gzip.compress(whole),
                "a strange name": whole[:-1] + rb', "\ud800": 1}',
            }.items():
                visitor.ask(route, what, content=content)
                visitor.ask(route, f"{what}, unnamed", content=content, headers={"Content-Type": "text/plain"})


def test_in_forms(visitor: Visitor) -> None:
    for route, sent in right(visitor, lambda route: route.takes_form):
        for name in sent()["data"]:
            if name != CSRF_FIELD:
                for value in [*TEXTS, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")]:
                    data = {**sent()["data"], name: value}
                    visitor.ask(route, f"{name} {value[:30]!r}", data=data)


def test_forms_that_are_none(visitor: Visitor) -> None:
    for route, _ in right(visitor, lambda route: route.takes_form):
        for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "application/x-www-form-urlencoded"):
            for content in (b"", b"--x", b"--x\r\n\r\n--x--", b"%ff=%00&" * 2_000, b"\xff\0"):
                visitor.ask(route, f"{kind} {content[:10]!r}", content=content, headers={"Content-Type": kind})


# What is sent


def right(
    visitor: Visitor, wanted: Callable[[Route], bool] = lambda _: True
) -> Iterator[tuple[Route, Callable[[], Json]]]:
    """Routes, and what they are rightly sent."""
    given = bodies(visitor.ranks)
    token = visitor.client.cookies.get(CSRF_COOKIE, default="")
    for route in filter(wanted, visitor.routes):
        if str(route) in FORMS:
            ranks = {f"rank-{answer}": str(rank) for answer, rank in visitor.ranks.items()}
            more = ranks if route.path.endswith("/rankings") else {}
            form = {**FORMS[str(route)], **more, CSRF_FIELD: token}
            yield route, lambda form=form: {"data": form}  # type: ignore[misc]
        elif str(route) in given:
            body = given[str(route)][0]
            yield route, lambda body=body: {"content": json.dumps(body).encode()}  # type: ignore[misc]
        else:
            yield route, dict


def spoiled(body: Any) -> Iterator[tuple[str, str]]:
    """(where, the body as JSON with PLACE there) for each value in it, containers too."""
    for keys in places(body):
        yield ".".join(map(str, keys)), json.dumps(replaced(body, keys), ensure_ascii=False)


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*before, key)
        yield from places(inner, (*before, key))


def value_at(body: Any, keys: tuple[Any, ...]) -> Any:
    for key in keys:
        body = body[key]
    return body


def replaced(value: Any, keys: tuple[Any, ...]) -> Any:
    if not keys:
        return PLACE
    first, *rest = keys
    if isinstance(value, dict):
        return {**value, first: replaced(value[first], tuple(rest))}
    return [replaced(inner, tuple(rest)) if index == first else inner for index, inner in enumerate(value)]
