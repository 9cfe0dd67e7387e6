"""What Schemathesis must know of this API beside its description: short answers, lines of JSON, jobs that are there."""

import atexit
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st

FEW_TOKENS = 4
MOST_TOKENS = 4_096
KNOWN_JOB, COUNTS = os.environ["FUZZ_JOB"], Path(os.environ["FUZZ_COUNTS"])
_counted: Counter[str] = Counter()

LINE = st.one_of(
    st.fixed_dictionaries(
        {"prompt": st.text(max_size=40)},
        optional={
            "split": st.sampled_from(["train", "held_out", "x"]),
            "language": st.text(max_size=18),
            "x": st.floats(),
        },
    ).map(json.dumps),
    st.text(max_size=40),
)


@schemathesis.serializer("application/jsonl")
def lines(_ctx: Any, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "surrogatepass")


@schemathesis.hook
def before_generate_body(ctx: Any, strategy: Any) -> Any:
    if ctx.operation is not None and "/import/" in ctx.operation.path:
        return st.lists(LINE, max_size=5).map("\n".join)
    return strategy


@schemathesis.hook
def map_path_parameters(_ctx: Any, path_parameters: Any) -> Any:
    """Every other job is the one that is there."""
    if path_parameters and len(str(path_parameters.get("job_id", "x"))) % 2 == 0:
        path_parameters["job_id"] = KNOWN_JOB
    return path_parameters


@schemathesis.hook
def before_call(_ctx: Any, case: Any, **_: Any) -> None:
    """Answers are short: what is asked is whether they come, not what they say."""
    body = case.body
    if not isinstance(body, dict) or not {"prompt", "messages"} & set(body):
        return
    names = [name for name in ("max_tokens", "max_completion_tokens") if isinstance(body.get(name), int)]
    for name in names:
        if FEW_TOKENS < body[name] <= MOST_TOKENS:
            body[name] = FEW_TOKENS
    if not names and case.path.startswith("/v1/") and "max_tokens" not in body:
        body["max_tokens"] = FEW_TOKENS


@schemathesis.hook
def after_call(_ctx: Any, _case: Any, response: Any) -> None:
    _counted[str(response.status_code)] += 1


atexit.register(lambda: COUNTS.write_text(json.dumps(_counted)))
