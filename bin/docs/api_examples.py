"""A call of each operation for docs/api.md; tests/api/test_documented_calls.py sends them all."""

import json
from collections.abc import Iterator
from typing import Any

ADDRESS = "http://127.0.0.1:8000"
IN_PATH = {"job_id": "JOB_ID", "model": "fourfold", "kind": "ranking"}
"""What stands for a parameter in a path; every other one is 1."""
BODIES: dict[str, Any] = {
    "/api/v1/groups": {"prompt": "How do I boil an egg?"},
    "/api/v1/groups/{group_id}/rankings": {"ranks": {"1": 1, "2": 3, "3": 2, "4": 3}, "comment": "B is short"},
    "/api/v1/rankings/{ranking_id}": {"ranks": {"1": 2, "2": 1, "3": 3, "4": 3}, "comment": "A is wrong after all"},
    "/api/v1/groups/{group_id}/skip": {"reason": "unclear"},
    "/api/v1/arena/pairs": {"prompt": "How do I boil an egg?"},
    "/api/v1/arena/votes": {"pair_id": 1, "verdict": "a"},
    "/api/v1/arena/settings": {"train_on_votes": False, "activate_above": 0.55},
    "/api/v1/label-settings": {"temperature": 0.7, "max_tokens": 64},
    "/api/v1/guidelines": {"text": "Rank the **truest** answer first."},
    "/api/v1/conversations": {"title": "Cooking", "system": "Be brief."},
    "/api/v1/conversations/{conversation_id}": {"title": "Eggs"},
    "/api/v1/conversations/{conversation_id}/room": {"content": "And a soft one?"},
    "/api/v1/conversations/{conversation_id}/turns": {"content": "How do I boil an egg?", "after": 0},
    "/api/v1/conversations/{conversation_id}/turns/{turn_id}/edit": {"content": "How do I fry an egg?"},
    "/api/v1/conversations/{conversation_id}/turns/{turn_id}/retry": {"stream": True},
    "/api/v1/conversations/{conversation_id}/turns/{turn_id}/continue": {"stream": True},
    "/api/v1/prompts": {"prompts": [{"prompt": "What is a prime number?", "language": "en"}]},
    "/api/v1/tags/{kind}/{record_id}": {"tags": ["to look at again", "too long"]},
    "/api/v1/jobs/{job_id}": {"name": "brief answers", "note": "Went too far."},
    "/api/v1/jobs": {"kind": "train_policy", "params": {"total_episodes": 512, "kl_coef": 0.05}},
    "/api/v1/job-plans": {"kind": "train_reward"},
    "/api/v1/versions/{version_id}": {"name": "brief", "note": "Ranked by length alone."},
    "/api/v1/versions/{version_id}/activate": {"in_place_id": 1, "decided": "nothing"},
    "/api/v1/versions/{version_id}/discard": {"in_place_id": 1, "decided": "nothing"},
    "/api/v1/versions/{version_id}/take-back": {"in_place_id": 1, "decided": "discarded"},
    "/api/v1/versions/prune": {"keep": 2, "dry_run": True},
    "/api/v1/generate": {"prompt": "Name three fruits.", "n": 2, "temperature": 0.7, "seed": 1},
    "/api/v1/score": {"prompt": "Name three fruits.", "answers": ["Apples, pears and plums.", "No."]},
    "/api/v1/tokenize": {"text": "Hello, 世界"},
    "/api/v1/next-token": {"prompt": "Name three fruits.", "k": 5},
    "/v1/chat/completions": {"model": "fourfold", "messages": [{"role": "user", "content": "Name three fruits."}]},
    "/v1/completions": {"model": "fourfold", "prompt": "Once upon a time"},
}
FILES = {
    "/api/v1/import/prompts": "prompts.jsonl",
    "/api/v1/import/comparisons": "comparisons.jsonl",
    "/api/v1/import/rankings": "rankings.jsonl",
    "/api/v1/import/votes": "votes.jsonl",
    "/api/v1/import/conversations": "conversations.jsonl",
}


def call(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    """The lines of a call by curl."""
    names = [parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"]
    address = ADDRESS + path.format(**{name: IN_PATH.get(name, "1") for name in names})
    if path in FILES:
        yield f"curl {address} -H 'Content-Type: application/jsonl' \\"
        yield f"  --data-binary @{FILES[path]}"
    elif "requestBody" in operation:
        named = "" if method == "POST" else f"-X {method} "
        yield f"curl {named}{address} -H 'Content-Type: application/json' \\"
        yield f"  -d '{json.dumps(BODIES[path], ensure_ascii=False)}'"
    else:
        yield f"curl {address}" if method == "GET" else f"curl -X {method} {address}"
