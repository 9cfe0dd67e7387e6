"""A reward that can be counted."""

import pytest

from tests.training.ppo.toy import COUNTED


@pytest.fixture
def toy_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    """The score is the number of COUNTED tokens, normalized by hand."""

    def count(
        model: object, prompts: object, answers: list[list[list[int]]], **ids: int
    ) -> tuple[list[list[float]], list[list[float]]]:
        del model, prompts, ids
        scores = [[answer.count(COUNTED) - 0.5 for answer in group] for group in answers]
        return scores, [[0.0] * len(group) for group in scores]

    monkeypatch.setattr("app.training.policy.rollout.score_with_deviations", count)
