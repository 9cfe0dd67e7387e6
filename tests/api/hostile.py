"""Values that no honest client sends, and a visitor that tells what was answered wrongly."""

import itertools
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import httpx2

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
OF_NUMBERS = {HUGE, str(2**63), "1e-320", "1e308"}
OF_TEXTS = {r'"\ud800"', r'"\u0000"', '"' + "x" * 20_000 + '"'}
OF_IDS = {HUGE, "01", "a\0b"}
"""What a plain number, a plain text or a database lets through."""
OF_FIELDS = {HUGE, str(2**63), "a\0b", ""}
OF_CONTAINERS = {*NEVER_TAKEN[-5:], "null", "true", "[]"}
"""Names that are none or there twice, nests, and what is no container."""
PARTS = 6
PLACE = "\N{PILE OF POO}"
PROMPT = {"prompt": "wash my hands"}
SAMPLING = {
    **{"temperature": 0.5, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "stop": ["."]},
    **{"max_tokens": 2, "seed": 1},
}
CHAT = {**SAMPLING, "model": "fourfold", "messages": [{"role": "user", "content": "Hi"}], "n": 1, "logprobs": True}
ASKED = {"content": "wash", "after": 1, "idempotency_key": "k", "stream": True}
SETTINGS = {name: value for name, value in SAMPLING.items() if name != "seed"}
CONVERSATIONS: dict[str, list[Any]] = {
    "POST /api/v1/conversations": [
        {"title": "t", "system": "s", "version": 1, "blind": False, "settings": SETTINGS, "idempotency_key": "k"},
        {"other_version": 1},
    ],
    "PATCH /api/v1/conversations/{conversation_id}": [
        {"title": "t", "system": "s", "version": 1, "blind": False, "settings": SETTINGS, "reads_from": 1},
        {"other_version": 1},
    ],
    "POST /api/v1/conversations/{conversation_id}/room": [{"content": "wash"}],
    "POST /api/v1/conversations/{conversation_id}/turns": [ASKED],
    "POST /api/v1/conversations/{conversation_id}/turns/{turn_id}/edit": [ASKED],
    "POST /api/v1/conversations/{conversation_id}/turns/{turn_id}/retry": [
        {name: value for name, value in ASKED.items() if name != "content"}
    ],
    "POST /api/v1/conversations/{conversation_id}/turns/{turn_id}/continue": [{"stream": True}],
}


class InTurns:
    """Values shared out: a place meets a sixth of them, the next place the next sixth, and each those that harm what it
    is for. Code that many places share meets all."""

    def __init__(self, values: Sequence[str]) -> None:
        self._values = values
        self._begins = itertools.cycle(range(PARTS))

    def next(self, always: Collection[str]) -> list[str]:
        begin = next(self._begins)
        return [value for at, value in enumerate(self._values) if value in always or at % PARTS == begin]


def harmful_to(value: object) -> Collection[str]:
    """Of JSON_VALUES, by what is replaced."""
    return OF_NUMBERS if isinstance(value, (int, float)) else OF_TEXTS if isinstance(value, str) else OF_CONTAINERS


def bodies(ranks: dict[str, int], ranked: dict[str, int]) -> dict[str, list[Any]]:
    """What is right, by route: each value in it is replaced by each hostile one. `ranks`: of a card to be ranked,
    `ranked`: of one that was."""
    generated = {**SAMPLING, "n": 1, "version": 1, "logprobs": 1}
    return {
        "POST /api/v1/groups": [{**PROMPT, **SAMPLING}, {"messages": [{"role": "user", "content": "Hi"}]}],
        "POST /api/v1/groups/{group_id}/rankings": [
            {"ranks": ranks, "comment": "good", "duration_ms": 5, "idempotency_key": "k"}
        ],
        "PUT /api/v1/rankings/{ranking_id}": [{"ranks": ranked, "comment": "good", "duration_ms": 5}],
        "POST /api/v1/groups/{group_id}/skip": [{"reason": "unclear"}],
        "PUT /api/v1/label-settings": [{"temperature": 0.8, "top_p": 0.9, "max_tokens": 8, "other_answers": 0}],
        "PUT /api/v1/guidelines": [{"text": "x"}],
        "PUT /api/v1/tags/{kind}/{record_id}": [{"tags": ["a", "b"]}],
        **CONVERSATIONS,
        "POST /api/v1/prompts": [
            {**PROMPT, "split": "train", "language": "en"},
            {"prompts": [{"messages": [{"role": "user", "content": "Hi"}], "language": "en"}]},
        ],
        "POST /api/v1/job-plans": [{"kind": "train_reward", "params": {"num_layers": 2, "seed": 1}}],
        "POST /api/v1/jobs": [
            {"kind": "train_reward", "params": {"num_layers": 2, "held_out_fraction": 0.2, "seed": 1}},
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
        "PATCH /api/v1/jobs/{job_id}": [{"name": "n", "note": "x"}],
        "PATCH /api/v1/versions/{version_id}": [{"name": "n", "note": "x", "seen_name": "m", "seen_note": "y"}],
        "POST /api/v1/arena/pairs": [{**PROMPT, "version_id": 1, "against_id": 2}],
        "POST /api/v1/arena/votes": [{"pair_id": 1, "verdict": "tie", "duration_ms": 5, "idempotency_key": "k"}],
        "PUT /api/v1/arena/settings": [{"train_on_votes": False, "activate_above": 0.9}],
        "POST /api/v1/import/votes": [
            {**PROMPT, "verdict": "a", "pair": [{"text": "x", "written_by": "v"}, {"text": "y", "written_by": "w"}]}
        ],
        "POST /api/v1/import/conversations": [
            {
                "conversation_id": 1,
                "title": "t",
                "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "So."}],
                "writers": [None, {"written_by": "policy 7", "content_hash": "0" * 64}],
                "labeler": "ada",
                "labeler_kind": "person",
                "created_at": "2026-01-01",
            }
        ],
        "POST /api/v1/versions/{version_id}/activate": [{"in_place_id": 1, "decided": "nothing"}],
        "POST /api/v1/versions/{version_id}/discard": [{"in_place_id": 1, "decided": "nothing"}],
        "POST /api/v1/versions/{version_id}/take-back": [{"in_place_id": 1, "decided": "discarded"}],
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


CHAT_ASKED = {"content": "Hi", "after": "1", "key": "k"}
CHAT_WHO = {"version": "1", "other_version": "", "blind": "1", "temperature": "1", "top_p": "1", "max_tokens": "2"}
CHAT_FORMS: dict[str, dict[str, str]] = {
    "POST /chat": {**CHAT_WHO, "content": "Hi", "system": "s", "key": "k"},
    "POST /chat/{conversation_id}/turns": CHAT_ASKED,
    "POST /chat/{conversation_id}/turns/{turn_id}/edit": CHAT_ASKED,
    "POST /chat/{conversation_id}/turns/{turn_id}/retry": CHAT_ASKED,
    "POST /chat/{conversation_id}/turns/{turn_id}/choose": {},
    "POST /chat/{conversation_id}/turns/{turn_id}/continue": {},
    "POST /chat/{conversation_id}/turns/{turn_id}/show": {},
    "POST /chat/{conversation_id}/turns/{turn_id}/stop": {},
    "POST /chat/{conversation_id}/turns/{turn_id}/rank": {},
    "POST /chat/{conversation_id}/turns/{turn_id}/delete": {"after": "1"},
    "POST /chat/{conversation_id}/rename": {"title": "t"},
    "POST /chat/{conversation_id}/delete": {},
    "POST /chat/{conversation_id}/versions": CHAT_WHO,
    "POST /chat/{conversation_id}/reveal": {},
    "POST /chat/{conversation_id}/leave-out": {"content": "Hi"},
    "POST /chat/{conversation_id}/read-all": {},
    "POST /chat/{conversation_id}/go-on": {"content": "Hi"},
    "POST /chat/{conversation_id}/room": {"content": "Hi"},
}
CUT = {"text": "wash", "version": "1", "beside": "1", "below": "text", "chat": "1"}
FORMS = {
    **CHAT_FORMS,
    "POST /arena/pairs/{pair_id}/votes": {"verdict": "tie", "duration_ms": "5", "idempotency_key": "k"},
    "POST /arena/pairs/{pair_id}/skip": {},
    "POST /arena/votes/{vote_id}/withdraw": {},
    "POST /arena/prompts": {"prompt": "Hi"},
    "POST /arena/settings": {"bar": "90"},
    "POST /groups/{group_id}/rankings": {"comment": "good", "duration_ms": "5", "idempotency_key": "k"},
    "POST /groups/{group_id}/skip": {"reason": "unclear"},
    "POST /groups/{group_id}/skip/withdraw": {},
    "POST /rankings/{ranking_id}/withdraw": {},
    "POST /prompts": {"prompt": "Hi"},
    "POST /data/rankings/{ranking_id}/withdraw": {},
    "POST /data/rankings/{ranking_id}/restore": {},
    "POST /data/rankings/{ranking_id}/change": {"rank-1": "1", "comment": "good", "duration_ms": "5"},
    "POST /data/votes/{vote_id}/withdraw": {},
    "POST /data/prompts/new": {"prompt": "Hi", "split": "train"},
    "POST /data/tags": {"of": "ranking", "id": "1", "tag": "x", "less": ""},
    "POST /data/import/preview": {"file": "prompt"},
    "POST /data/import": {"key": "0" * 32},
    "POST /data/prompts/{prompt_id}/edit": {"prompt": "Hi", "language": "en"},
    "POST /data/prompts/{prompt_id}/{action}": {"show": "all", "q": "wash", "after": "1"},
    "POST /train/jobs": {"kind": "evaluate", "version_id": "1"},
    "POST /train/runs/{job_id}/rename": {"name": "n", "note": "x"},
    "POST /train/start": {"kind": "train_reward", "preset": "", "seed": "1"},
    "POST /jobs/{job_id}/cancel": {"back": "run"},
    "POST /jobs/{job_id}/resume": {},
    "POST /jobs/{job_id}/restart": {},
    "POST /versions/{version_id}/activate": {"back": "version", "seen": "1"},
    "POST /versions/{version_id}/discard": {"back": "version"},
    "POST /versions/{version_id}/take-back": {"back": "version"},
    "POST /versions/{version_id}/rename": {"name": "n", "note": "x"},
    "POST /languages": {"language": "en"},
    "POST /languages/leave-out": {"language": "zh"},
    "POST /train/label-page": {"temperature": "1", "version_id": "1", "other_answers": "0"},
    "POST /train/label-page/guidelines": {"text": "x", "action": "preview"},
    "POST /sign-in": {"token": "x", "next": "/"},
    "POST /sign-out": {},
    "POST /versions/{version_id}/remove": {},
    "POST /versions/prune": {"version_id": "9"},
    "POST /labeler": {"name": "ada"},
    "POST /language": {"language": "en", "back": "/"},
    "POST /loop/understood": {},
    "POST /tokens": CUT,
    "POST /tokens/token": {**CUT, "chosen": "0-0"},
}


class Visitor:
    """Asks, and keeps what was answered wrongly."""

    def __init__(self, server: LiveServer) -> None:
        self.client = server.client
        self.client.get("/", headers={"Accept": "text/html"})  # gives the cookie that forms need
        self.routes = routes_of(server.app)
        card = self.client.post("/api/v1/groups/next").json()
        self.ranked = ranks_of(card)
        ranking = self.client.post(f"/api/v1/groups/{card['group_id']}/rankings", json={"ranks": ranks_of(card)}).json()
        job = self.client.post("/api/v1/jobs", json={"kind": "train_reward"}).json()
        self.client.post(f"/api/v1/jobs/{job['job_id']}/cancel")  # else its events would not end
        card = self.client.post("/api/v1/groups/next").json()
        self.ranks = ranks_of(card)
        prompt = self.client.post("/api/v1/prompts", json={"prompt": "A prompt of my own"}).json()["items"][0]
        conversation = self.client.post("/api/v1/conversations", json={}).json()["id"]
        asked = self.client.post(f"/api/v1/conversations/{conversation}/turns", json={"content": "Hi"}).json()
        self.known = {
            "pair_id": 1,  # of no pair: one version answers here
            "vote_id": 1,
            "conversation_id": conversation,
            "turn_id": asked["answers"][0]["id"],
            "group_id": card["group_id"],
            **ranking,
            **job,
            "version_id": 1,
            "prompt_id": prompt["id"],
            "action": "archive",
            "name": "tokens",
            "kind": "ranking",
            "file_format": "jsonl",
            "record_id": 1,
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


def right(
    visitor: Visitor, wanted: Callable[[Route], bool] = lambda _: True
) -> Iterator[tuple[Route, Callable[[], Json]]]:
    """Routes, and what they are rightly sent."""
    given = bodies(visitor.ranks, visitor.ranked)
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
