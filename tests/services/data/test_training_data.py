"""What training reads comes in the order that was asked for, whole, and with its own ranks."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from app.chat import Message
from app.db.models.labelers import Labeler
from app.db.models.prompts import PromptSource, PromptSplit
from app.services.data import training_data
from app.services.labeling import rankings
from app.services.prompts import prompts
from tests.live import LEASE_SECONDS
from tests.services.conftest import MakeGroup


def test_rankings_come_in_the_order_of_their_ids_in_chunks(
    session: Session, make_group: MakeGroup, ada: Labeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_data, "CHUNK", 2)
    made = [make_group(leased_to=ada, text=f"Prompt {number}") for number in range(5)]
    ids = []
    for number, group in enumerate(made):
        ranks = {answer.id: 1 + (answer.sample_index + number) % 4 for answer in group.completions}
        ranking = rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=ranks, retrain_after=99)
        ids.append(ranking.id)
    assert training_data.ranking_ids_in_force(session) == ids
    order = [ids[place] for place in (3, 0, 4, 2, 1)]
    read = training_data.ranked_answers(session, order)
    assert [each.messages[0]["content"] for each in read] == [f"Prompt {number}" for number in (3, 0, 4, 2, 1)]
    for number, each in zip((3, 0, 4, 2, 1), read, strict=True):
        assert each.texts == [f"answer {n}" for n in range(4)]
        assert each.answers == [[5, n, 4] for n in range(4)]
        assert each.ranks == [1 + (n + number) % 4 for n in range(4)], "each answer has its own rank"
    rankings.withdraw_ranking(session, ids[1], ada, lease_seconds=LEASE_SECONDS)
    assert training_data.ranking_ids_in_force(session) == [ids[0], *ids[2:]]


def test_answers_are_the_versions_newest(session: Session, make_group: MakeGroup) -> None:
    first, second = make_group(), make_group(text="Another")
    assert first.version_id is not None
    answers = sorted([*first.completions, *second.completions], key=lambda answer: answer.id)
    answer_ids = training_data.answer_ids_of_version(session, first.version_id, 3)
    assert answer_ids == [answer.id for answer in answers[-3:]]
    assert training_data.answer_ids_of_version(session, first.version_id + 1, 3) == []
    read = training_data.answers_with_prompts(session, answer_ids)
    assert read == [([Message(role="user", content="Another")], answer.token_ids) for answer in answers[-3:]]


def test_prompts_of_one_split_in_a_fixed_order(session: Session) -> None:
    for number in range(8):
        split = PromptSplit.HELD_OUT if number % 2 else PromptSplit.TRAIN
        message = Message(role="user", content=f"Prompt {number}")
        prompts.add_prompt(session, messages=[message], source=PromptSource.OWN, split=split)
    choose: dict[PromptSplit, Callable[[int], list[int]]] = {
        PromptSplit.TRAIN: lambda limit: training_data.training_prompt_ids(session, limit, seed=0),
        PromptSplit.HELD_OUT: lambda limit: training_data.held_out_prompt_ids(session, limit),
    }
    for split in PromptSplit:
        ids = choose[split](10)
        read = training_data.prompts_by_id(session, ids)
        assert {prompt.split for prompt in read} == {split}, "a prompt of the other split"
        assert [prompt.id for prompt in read] == ids
        assert ids == [prompt.id for prompt in sorted(read, key=lambda prompt: prompt.digest)]
        assert len(ids) == 4
