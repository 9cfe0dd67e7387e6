"""Every route of the app's own table with values that no honest client sends: each is an error with a sentence, or an
answer; never a 5xx, and never a stream that breaks off."""

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from app.web.security import CSRF_FIELD
from tests.api.hostile import (
    FORMS,
    HUGE,
    JSON_VALUES,
    NEVER_TAKEN,
    NO_IDS,
    OF_FIELDS,
    OF_IDS,
    PLACE,
    PROMPT,
    TEXTS,
    InTurns,
    Visitor,
    bodies,
    harmful_to,
    right,
)
from tests.live import LiveServer


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
    assert {str(route) for route in visitor.routes if route.takes_json} == set(bodies({}, {}))
    assert {str(route) for route in visitor.routes if route.takes_form} == set(FORMS)
    for route, sent in right(visitor):
        taken = route.method == "DELETE" or route.path.endswith(("/rankings", "/skip", "/withdraw", "/import/preview"))
        if not taken:  # what the other tests look at stays as it is
            assert visitor.ask(route, "nothing hostile", **sent()).status_code in (200, 201, 202, 303, 308, 404, 409)


def test_in_the_path(visitor: Visitor) -> None:
    """No spelling of an id but one: 404 or 422, never another's row."""
    turns = InTurns(NO_IDS)
    for route, sent in right(visitor):
        for name in route.in_path:
            for value in turns.next(OF_IDS):
                response = visitor.ask(route, f"{name} {value[:30]!r}", {name: value}, **sent())
                stream = response.headers.get("content-type", "").startswith("text/event-stream")
                if response.status_code not in (404, 422) and not (stream and '"Not found"' in response.text):
                    visitor.faults.append(f"{route}, {name} {value[:30]!r}: {response.status_code}")


def test_in_the_query(visitor: Visitor) -> None:
    turns = InTurns(TEXTS)
    for route in visitor.routes:
        for name in route.in_query:
            for value in turns.next(OF_FIELDS):
                visitor.ask(route, f"{name} {value[:30]!r}", params={name: value})


def test_in_headers(visitor: Visitor) -> None:
    turns = InTurns([*TEXTS, "小明", "x" * 65])
    for route, sent in right(visitor):
        for name in route.in_header:
            for value in turns.next({HUGE, "小明"}):
                if value.isprintable() and value == value.strip():  # else no client sends it
                    headers = {name.encode(): value.encode()}
                    visitor.ask(route, f"{name} {value[:30]!r}", headers=headers, **sent())


def test_last_event_ids_are_plain_numbers(visitor: Visitor) -> None:
    streams = [route for route in visitor.routes if "last-event-id" in route.in_header]
    assert len(streams) >= 2
    for route in streams:
        for value in (HUGE, "-1", "+1", "1e3", "9" * 5_000):
            response = visitor.ask(route, value[:30], headers={"Last-Event-ID": value})
            assert response.status_code == 422, (str(route), value[:30])


def test_in_json(visitor: Visitor) -> None:
    turns = InTurns(JSON_VALUES)
    for route in visitor.routes:
        for body in bodies(visitor.ranks, visitor.ranked).get(str(route), []):
            for where, text, stood in spoiled(body):
                for value in turns.next(harmful_to(stood)):
                    new = text.replace(PROMPT["prompt"], f"wash {visitor.asked} hands")  # what is known is not stored
                    content = new.replace(f'"{PLACE}"', value).encode()
                    response = visitor.ask(route, f"{where} {value[:30]}", content=content)
                    named = re.match(rf"(Line 1: )?{re.escape(where.split('.')[0])}\b", detail_of(response))
                    refused = 400 if route.path.startswith("/v1/") else 422  # as OpenAI has it
                    if value in NEVER_TAKEN and not (response.status_code == refused and named):
                        visitor.faults.append(
                            f"{route}, {where} {value[:30]}: {response.status_code} {response.text[:200]}"
                        )


def test_numbers_are_no_texts_and_no_truths(visitor: Visitor) -> None:
    """Files are read as they are meant: tables have texts only."""
    for route in visitor.routes:
        if "/import/" in route.path:
            continue
        for body in bodies(visitor.ranks, visitor.ranked).get(str(route), []):
            for keys in places(body):
                value = value_at(body, keys)
                other = ('"1"', "true") if type(value) in (int, float) else ('"true"', "1") if value is True else ()
                for wrong in other:
                    content = json.dumps(replaced(body, keys), ensure_ascii=False).replace(f'"{PLACE}"', wrong)
                    response = visitor.ask(route, f"{keys} {wrong}", content=content.encode())
                    if response.status_code not in (400, 422):
                        visitor.faults.append(f"{route}, {keys} {wrong}: {response.status_code}")


@pytest.mark.parametrize("key", [*NO_IDS, "", r"\ud800", r"\u0000"], ids=lambda key: ascii(key[:12]))
def test_as_the_id_of_a_ranked_answer(visitor: Visitor, key: str) -> None:
    route = next(route for route in visitor.routes if str(route) == "POST /api/v1/groups/{group_id}/rankings")
    text = json.dumps({"ranks": {**visitor.ranks, PLACE: 1}}, ensure_ascii=False)
    key = key.replace("\0", r"\u0000")
    response = visitor.ask(route, key[:30], content=text.replace(PLACE, key).encode())
    assert response.status_code in (409, 422)  # 409: another test has ranked it meanwhile


def test_bodies_that_are_hardly_json(visitor: Visitor) -> None:
    """A sixth of them without being said to be JSON."""
    turns = InTurns(list(hardly_json({"a": 1})))
    for route in visitor.routes:
        for body in bodies(visitor.ranks, visitor.ranked).get(str(route), []):
            contents = hardly_json(body)
            for what, content in contents.items():
                visitor.ask(route, what, content=content)
            for what in turns.next(()):
                content, plain = contents[what], {"Content-Type": "text/plain"}
                visitor.ask(route, f"{what}, unnamed", content=content, headers=plain)


def hardly_json(body: Any) -> dict[str, bytes]:
    whole, name = json.dumps(body).encode(), next(iter(body))
    return {
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
    }


def test_in_forms(visitor: Visitor) -> None:
    turns, surrogate = InTurns(TEXTS), "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")
    for route, sent in right(visitor, lambda route: route.takes_form):
        for name in sent()["data"]:
            if name != CSRF_FIELD:
                for value in [*turns.next(OF_FIELDS), surrogate]:
                    data = {**sent()["data"], name: value}
                    visitor.ask(route, f"{name} {value[:30]!r}", data=data)


def test_forms_that_are_none(visitor: Visitor) -> None:
    for route, _ in right(visitor, lambda route: route.takes_form):
        for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "application/x-www-form-urlencoded"):
            for content in (b"", b"--x", b"--x\r\n\r\n--x--", b"%ff=%00&" * 2_000, b"\xff\0"):
                visitor.ask(route, f"{kind} {content[:10]!r}", content=content, headers={"Content-Type": kind})


def spoiled(body: Any) -> Iterator[tuple[str, str, Any]]:
    """(where, the body as JSON with PLACE there, what stood there) for each value in it, containers too."""
    for keys in places(body):
        yield ".".join(map(str, keys)), json.dumps(replaced(body, keys), ensure_ascii=False), value_at(body, keys)


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
