"""Tokens are counted, by the model itself, before anything is stored: the count and the limit are told."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.chat import Message
from app.db.models.groups import Group
from app.db.models.prompts import Prompt
from app.errors import InvalidError
from tests.api.conftest import check_problem
from tests.live import LiveServer

LONG = "字" * 1_500
LIMIT = 512 - 8  # the tiny model's context, and the page's answer in `quick_settings`


def stored(server: LiveServer) -> tuple[int, int]:
    with server.runtime.read() as session:
        rows = [session.scalar(select(func.count()).select_from(table)) or 0 for table in (Prompt, Group)]
    return rows[0], rows[1]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/groups", {"prompt": LONG}),
        ("/api/v1/prompts", {"prompt": LONG}),
        ("/api/v1/prompts", {"prompt": LONG, "split": "held_out"}),
        ("/api/v1/prompts", {"prompts": [{"prompt": "short, and new"}, {"prompt": LONG}]}),
        ("/api/v1/generate", {"prompt": LONG, "max_tokens": 8}),
        ("/api/v1/generate", {"prompt": LONG, "max_tokens": 8, "stream": True}),
        ("/api/v1/groups", {"prompt": "\U0001f469‍\U0001f469‍\U0001f466" * 90}),
        ("/api/v1/groups", {"prompt": "a" * 2_000}),
        ("/api/v1/groups", {"prompt": "\ue000" * 1_000}),
        ("/api/v1/groups", {"prompt": "<|end|>" * 250}),
    ],
)
def test_too_long(real_server: LiveServer, path: str, body: dict[str, Any]) -> None:
    before = stored(real_server)
    problem = check_problem(real_server.client.post(path, json=body), 422, f"with 8 for the answer at most {LIMIT} fit")
    assert " tokens;" in problem["detail"]
    assert ("Prompt 2: " in problem["detail"]) == ("prompts" in body)
    assert stored(real_server) == before


def test_a_bad_import_is_named_by_its_line(real_server: LiveServer) -> None:
    before = stored(real_server)
    file = f'{{"text": "short, and new"}}\n\n{{"text": "{LONG}"}}\n'.encode()
    response = real_server.client.post("/api/v1/import/prompts", content=file)
    check_problem(response, 422, f"Line 3: The prompt has 4,503 tokens; with 8 for the answer at most {LIMIT} fit.")
    assert stored(real_server) == before


def test_what_just_fits_is_stored(real_server: LiveServer) -> None:
    """And one token more is not: the answer counts, too."""
    counted = real_server.runtime.group_sampling.fitting()
    text = "a" * (LIMIT - counted.mark_tokens + 1)  # one token each in this tiny vocabulary
    assert real_server.client.post("/api/v1/prompts", json={"prompt": text}).status_code == 201
    response = real_server.client.post("/api/v1/prompts", json={"prompt": text + "a"})
    check_problem(response, 422, f"has {LIMIT + 1} tokens")


def test_scores_of_long_answers(tiny_model_dir: Path, tmp_path: Path) -> None:
    """A reward model has a context as well: the answer that does not fit is named."""
    from app.lm.files.checkpoint import load_model
    from app.training.reward.network import RewardModel, save_reward_model
    from app.training.reward.scorer import load_scorer

    sft, tokenizer = load_model(tiny_model_dir)
    directory = tmp_path / "reward"
    save_reward_model(directory, RewardModel.from_sft(sft, num_layers=1, seed=0), tokenizer)
    score = load_scorer(directory)
    asked = [Message(role="user", content="Hi")]
    fits = 512 - len(tokenizer.encode_conversation(asked)) - 1  # the end
    assert len(score(asked, ["short", "a" * fits])) == 2
    with pytest.raises(InvalidError, match=rf"Answer 2 has {fits + 2} tokens; .* at most {fits + 1} fit"):
        score(asked, ["short", "a" * (fits + 1)])
    with pytest.raises(InvalidError, match=r"The prompt has 4,503 tokens; the reward model reads 512"):
        score([Message(role="user", content=LONG)], ["short"])


def test_archive_restore_delete(shared: LiveServer) -> None:
    client = shared.client
    made = client.post("/api/v1/prompts", json={"prompt": "To be put away"}).json()["items"][0]
    url = f"/api/v1/prompts/{made['id']}"
    assert client.get(url).json() == made
    assert client.post(f"{url}/archive").json()["archived_at"] is not None
    listed = client.get("/api/v1/prompts", params={"shelf": "archived", "search": "put AWAY"}).json()["items"]
    assert [prompt["id"] for prompt in listed] == [made["id"]]
    assert client.post(f"{url}/restore").json() == made
    assert client.delete(url).status_code == 204
    for response in (client.get(url), client.delete(url), client.post(f"{url}/archive"), client.post(f"{url}/restore")):
        check_problem(response, 404, f"There is no prompt {made['id']}")
    check_problem(client.delete("/api/v1/prompts/1"), 409, "ships with Fourfold")
